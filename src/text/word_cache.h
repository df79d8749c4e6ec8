// Ids of words seen before. Natural text repeats itself: a few thousand words make up most of it.
//
// A fixed number of slots; a new word takes the place of the one in its slot, so the memory is bounded whatever comes. Slots are
// parted into shards with a lock each, so that threads seldom wait for each other.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

namespace qkv {

class WordCache {
 public:
  static constexpr size_t kMaxWord = 40;  // bytes; longer words are not kept
  static constexpr size_t kMaxIds = 12;   // words of more tokens are not kept

  WordCache();
  // Appends the ids of a word; false: not known.
  bool find(std::string_view word, std::vector<int32_t>& ids) const;
  void keep(std::string_view word, std::span<const int32_t> ids) const;

 private:
  struct Slot {
    uint64_t hash;
    uint8_t size;  // of the word; 0: empty
    uint8_t count;
    char word[kMaxWord];
    int32_t ids[kMaxIds];
  };
  static constexpr size_t kShards = 64;
  static constexpr size_t kSlots = 512;  // per shard: 64 * 512 slots of 104 bytes, 3.4 MB
  struct alignas(64) Shard {
    std::mutex mutex;
    std::vector<Slot> slots;  // allocated with the first word
  };
  std::unique_ptr<std::array<Shard, kShards>> shards_;
};

}  // namespace qkv
