// A map from byte strings to numbers, as a double array (Aoe 1989, "An efficient digital search algorithm by using a double-array
// structure"): a step from a node by one byte is one lookup.
//
// The children of a node are at `children ^ byte`, as in Yata's darts-clone; no two nodes have equal `children`, so that a place needs to
// store only its byte. 8 bytes per place; a trie of tokens has few empty ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace qkv {

class ByteTrie {
 public:
  static constexpr size_t kMaxKey = 65'535;  // bytes
  static constexpr int32_t kMaxValue = (1 << 23) - 2;
  static constexpr uint32_t kRoot = 0;
  static constexpr uint32_t kNowhere = 1;  // a node without children that is never reached

  struct Entry {
    std::string_view key;  // 1 to kMaxKey bytes
    int32_t value;         // 0 to kMaxValue
  };
  ByteTrie() : ByteTrie(std::vector<Entry>()) {}
  // The keys must be unique (of duplicates, one counts); they are not referred to afterwards. O(n log n) for sorting, then linear in the
  // bytes of all keys.
  explicit ByteTrie(std::vector<Entry> entries);

  // Moves `node` to its child for this byte. Returns false, with any node, if there is none.
  bool step(uint32_t& node, unsigned char byte) const {
    node = units_[node].children ^ byte;
    return (units_[node].place & 0x1FF) == (kUsed | byte);
  }
  // The value of the key that ends at this node, or -1.
  int32_t value(uint32_t node) const { return static_cast<int32_t>(units_[node].place >> 9) - 1; }

  uint32_t node_of(std::string_view prefix) const;  // kNowhere if no key begins with it
  int32_t find(std::string_view key) const { return value(node_of(key)); }
  size_t longest() const { return longest_; }  // bytes of the longest key
  size_t places() const { return units_.size(); }

 private:
  static constexpr uint32_t kUsed = 0x100;
  struct Unit {
    uint32_t children = 0;  // 0: none; the first 256 places are reserved for the root
    uint32_t place = 0;     // (value + 1) << 9 | kUsed | byte
  };
  class Builder;

  std::vector<Unit> units_;
  size_t longest_ = 0;
};

}  // namespace qkv
