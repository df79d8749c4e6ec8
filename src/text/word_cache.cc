#include "text/word_cache.h"

#include <algorithm>
#include <functional>

namespace qkv {

WordCache::WordCache() : shards_(std::make_unique<std::array<Shard, kShards>>()) {}

bool WordCache::find(std::string_view word, std::vector<int32_t>& ids) const {
  if (word.size() > kMaxWord) return false;
  const uint64_t hash = std::hash<std::string_view>{}(word);
  Shard& shard = (*shards_)[hash % kShards];
  const std::lock_guard lock(shard.mutex);
  if (shard.slots.empty()) return false;
  const Slot& slot = shard.slots[hash / kShards % kSlots];
  if (slot.hash != hash || std::string_view(slot.word, slot.size) != word) return false;
  ids.insert(ids.end(), slot.ids, slot.ids + slot.count);
  return true;
}

void WordCache::keep(std::string_view word, std::span<const int32_t> ids) const {
  if (word.empty() || word.size() > kMaxWord || ids.size() > kMaxIds) return;
  const uint64_t hash = std::hash<std::string_view>{}(word);
  Shard& shard = (*shards_)[hash % kShards];
  const std::lock_guard lock(shard.mutex);
  if (shard.slots.empty()) shard.slots.resize(kSlots);
  Slot& slot = shard.slots[hash / kShards % kSlots];
  slot.hash = hash;
  slot.size = static_cast<uint8_t>(word.size());
  slot.count = static_cast<uint8_t>(ids.size());
  std::copy(word.begin(), word.end(), slot.word);
  std::copy(ids.begin(), ids.end(), slot.ids);
}

}  // namespace qkv
