#include "text/token_models/byte_trie.h"

#include <algorithm>

#include "base/error.h"

namespace qkv {

// Lays out the nodes level by level, so that nodes near the root, which are visited most, are close together. Places are allocated in
// blocks of 256; free ones are searched in the last blocks only and not for long, so that building takes linear time whatever the keys.
class ByteTrie::Builder {
 public:
  Builder(std::vector<Entry> entries, std::vector<Unit>& units) : entries_(std::move(entries)), units_(units) {
    std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.key < b.key; });
    add_places();
    std::vector<Node> level, next;
    if (!entries_.empty()) level.push_back({0, entries_.size(), kRoot});
    for (size_t depth = 0; !level.empty(); ++depth) {
      next.clear();
      for (const Node& node : level) lay_out(node, depth, next);
      level.swap(next);
    }
  }

 private:
  static constexpr size_t kBlock = 256;
  static constexpr size_t kOpenBlocks = 16;
  static constexpr int kTries = 64;
  static constexpr uint32_t kEnd = UINT32_MAX;

  struct Node {
    size_t begin, end;  // entries whose keys pass through it
    uint32_t place;
  };

  void lay_out(Node node, size_t depth, std::vector<Node>& next) {
    if (entries_[node.begin].key.size() == depth) {
      units_[node.place].place |= static_cast<uint32_t>(entries_[node.begin].value + 1) << 9;
      while (entries_[node.begin].key.size() == depth) {
        if (++node.begin == node.end) return;
      }
    }
    const auto byte_of = [&](size_t entry) { return static_cast<unsigned char>(entries_[entry].key[depth]); };
    const size_t first_child = next.size();
    bytes_.clear();
    for (size_t i = node.begin; i < node.end; ++i) {
      if (bytes_.empty() || byte_of(i) != bytes_.back()) {
        if (!bytes_.empty()) next.back().end = i;
        bytes_.push_back(byte_of(i));
        next.push_back({i, node.end, 0});
      }
    }
    const uint32_t children = find_room();
    units_[node.place].children = children;
    is_children_[children] = true;
    for (size_t i = 0; i < bytes_.size(); ++i) {
      const uint32_t place = children ^ bytes_[i];
      take(place);
      units_[place].place = kUsed | bytes_[i];
      next[first_child + i].place = place;
    }
  }

  // Finds a base at which all of bytes_ have free places. A single child fits nearly everywhere and goes to the oldest open block, several
  // go to the newest.
  uint32_t find_room() {
    const bool single = bytes_.size() == 1;
    uint32_t place = single ? oldest_ : newest_;
    for (int tries = 0; place != kEnd && tries < kTries; ++tries, place = single ? newer_[place] : older_[place]) {
      const uint32_t children = place ^ bytes_[0];
      const auto is_free = [&](unsigned char byte) { return !(units_[children ^ byte].place & kUsed); };
      if (!is_children_[children] && std::all_of(bytes_.begin(), bytes_.end(), is_free)) return children;
    }
    return add_places() ^ bytes_[0];
  }

  // Adds a block of free places and returns its first; closes the oldest open block. The very first block stays empty except for the root.
  uint32_t add_places() {
    const size_t first = units_.size();
    if (first + kBlock > kEnd) fail(ErrorCode::unsupported, "a vocabulary of {} tokens is too large", entries_.size());
    units_.resize(first + kBlock);
    is_children_.resize(first + kBlock);
    older_.resize(first + kBlock, kEnd);
    newer_.resize(first + kBlock, kEnd);
    if (first == 0) return 0;
    while (oldest_ != kEnd && oldest_ + kBlock * kOpenBlocks < first + kBlock) take(oldest_);
    for (size_t i = 0; i < kBlock; ++i) {
      const auto place = static_cast<uint32_t>(first + i);
      older_[place] = newest_;
      (newest_ == kEnd ? oldest_ : newer_[newest_]) = place;
      newest_ = place;
    }
    return static_cast<uint32_t>(first);
  }

  // Removes a place from the list of free ones, if it is there.
  void take(uint32_t place) {
    (older_[place] == kEnd ? oldest_ : newer_[older_[place]]) = newer_[place];
    (newer_[place] == kEnd ? newest_ : older_[newer_[place]]) = older_[place];
  }

  std::vector<Entry> entries_;
  std::vector<Unit>& units_;
  std::vector<unsigned char> bytes_;     // of the children of the node being laid out
  std::vector<bool> is_children_;        // by place: whether it is some node's `children`
  std::vector<uint32_t> older_, newer_;  // free places of the open blocks, a doubly linked list
  uint32_t oldest_ = kEnd, newest_ = kEnd;
};

ByteTrie::ByteTrie(std::vector<Entry> entries) {
  for (const Entry& entry : entries) {
    QKV_REQUIRE(!entry.key.empty() && entry.key.size() <= kMaxKey, "a token of {} bytes; tokens of 1 to {} bytes are possible",
                entry.key.size(), kMaxKey);
    QKV_REQUIRE(entry.value >= 0 && entry.value <= kMaxValue, "the id {} is out of range; ids up to {} are possible", entry.value,
                kMaxValue);
    longest_ = std::max(longest_, entry.key.size());
  }
  Builder(std::move(entries), units_);
  units_.shrink_to_fit();
}

uint32_t ByteTrie::node_of(std::string_view prefix) const {
  uint32_t node = kRoot;
  for (const char c : prefix) {
    if (!step(node, static_cast<unsigned char>(c))) return kNowhere;
  }
  return node;
}

}  // namespace qkv
