// A hash table from pairs of token ids to a small value: open addressing, one probe in most cases, no allocation per entry.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace qkv {

struct TokenPair {
  int32_t left, right;  // not negative
  bool operator==(const TokenPair&) const = default;
  auto operator<=>(const TokenPair&) const = default;
};

template <typename Value>
class PairMap {
 public:
  explicit PairMap(size_t expected = 0) { resize(std::bit_ceil(std::max<size_t>(16, expected * 2))); }

  size_t size() const { return size_; }

  const Value* find(TokenPair pair) const {
    const Slot& slot = slots_[place(key_of(pair))];
    return slot.key == kEmpty ? nullptr : &slot.value;
  }
  // The value of a pair, Value{} if new. Invalidates pointers to values.
  Value& operator[](TokenPair pair) {
    if (size_ * 2 >= slots_.size()) resize(slots_.size() * 2);
    Slot& slot = slots_[place(key_of(pair))];
    if (slot.key == kEmpty) {
      slot.key = key_of(pair);
      ++size_;
    }
    return slot.value;
  }

 private:
  static constexpr uint64_t kEmpty = ~uint64_t{0};
  struct Slot {
    uint64_t key = kEmpty;
    Value value{};
  };

  static uint64_t key_of(TokenPair pair) { return static_cast<uint64_t>(pair.left) << 32 | static_cast<uint32_t>(pair.right); }

  // The slot of the key, or the one for inserting it; at least half of the slots are empty.
  size_t place(uint64_t key) const {
    const uint64_t hash = key * 0x9E3779B97F4A7C15u;  // 2^64 / golden ratio
    size_t i = (hash ^ hash >> 32) & (slots_.size() - 1);
    while (slots_[i].key != key && slots_[i].key != kEmpty) i = (i + 1) & (slots_.size() - 1);
    return i;
  }

  void resize(size_t slots) {
    std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(slots));
    for (Slot& slot : old) {
      if (slot.key != kEmpty) slots_[place(slot.key)] = std::move(slot);
    }
  }

  std::vector<Slot> slots_;
  size_t size_ = 0;
};

}  // namespace qkv
