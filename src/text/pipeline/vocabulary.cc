#include "text/pipeline/vocabulary.h"

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstring>

namespace qkv {
namespace {

uint64_t mix(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

// Random per process, so that no file can be crafted whose tokens all collide.
uint64_t seed() {
  static const uint64_t value = mix(static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()) | 1,
                                    std::bit_cast<uintptr_t>(&mix) ^ 0x9E3779B97F4A7C15u);
  return value;
}

}  // namespace

uint64_t Vocabulary::hash_of(std::string_view text) {
  constexpr uint64_t kFactor = 0xA0761D6478BD642Fu;
  uint64_t hash = mix(seed() ^ text.size(), kFactor);
  for (; text.size() >= 8; text.remove_prefix(8)) {
    uint64_t bytes;
    std::memcpy(&bytes, text.data(), 8);
    hash = mix(hash ^ bytes, kFactor ^ seed());
  }
  uint64_t rest = 0;
  std::memcpy(&rest, text.data(), text.size());
  return mix(hash ^ rest, kFactor ^ seed());
}

Vocabulary::Vocabulary(std::vector<std::string> tokens)
    : tokens_(std::move(tokens)), slots_(std::bit_ceil(std::max<size_t>(16, 2 * tokens_.size()))) {
  constexpr size_t kAhead = 16;
  std::array<uint64_t, kAhead> hashes{};
  for (size_t i = 0; i < tokens_.size() + kAhead; ++i) {
    uint64_t& ahead = hashes[i % kAhead];
    const uint64_t hash = ahead;
    if (i < tokens_.size()) ahead = look_ahead(tokens_[i]);
    const size_t id = i - kAhead;
    if (i < kAhead || tokens_[id].empty()) continue;
    Slot& slot = slots_[place(tokens_[id], hash)];
    if (slot.id >= 0) {
      has_equal_tokens_ = true;
    } else {
      slot = {static_cast<uint32_t>(hash >> 32), static_cast<int32_t>(id)};
    }
  }
}

size_t Vocabulary::place(std::string_view token, uint64_t hash) const {
  const auto tag = static_cast<uint32_t>(hash >> 32);
  for (size_t i = hash & (slots_.size() - 1);; i = (i + 1) & (slots_.size() - 1)) {
    const Slot& slot = slots_[i];
    if (slot.id < 0 || (slot.tag == tag && tokens_[static_cast<size_t>(slot.id)] == token)) return i;
  }
}

uint64_t Vocabulary::look_ahead(std::string_view token) const {
  const uint64_t hash = hash_of(token);
  if (!slots_.empty()) __builtin_prefetch(&slots_[hash & (slots_.size() - 1)]);
  return hash;
}

int32_t Vocabulary::id(std::string_view token, uint64_t hash) const {
  if (slots_.empty() || token.empty()) return -1;  // moved from
  return slots_[place(token, hash)].id;
}

}  // namespace qkv
