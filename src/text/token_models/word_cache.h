// A cache of the ids of words. Natural text repeats itself: a few thousand words make up most of it.
//
// It has a fixed number of slots; a new word replaces the one in its slot, so memory is bounded. Reading writes nothing, so threads do not
// take cache lines from each other: a slot has a version, odd during a write, and a read is valid if the version is unchanged afterwards (a
// "seqlock"; Boehm 2012, "Can seqlocks get along with programming language memory models?").
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace qkv {

class WordCache {
 public:
  static constexpr size_t kMaxWord = 56;  // bytes; longer words are not kept
  static constexpr size_t kMaxIds = 16;   // words of more tokens are not kept

  // A word in units of eight bytes, zero-padded.
  struct Key {
    std::array<uint64_t, kMaxWord / 8> units{};
    size_t size = 0;  // of the word in bytes; 0: empty or too long to be kept
    uint64_t hash = 0;
    Key() = default;
    explicit Key(std::string_view word);
  };

  WordCache();
  ~WordCache();
  WordCache(WordCache&&) noexcept;

  // Prefetches the memory that find() needs.
  Key look_ahead(std::string_view word) const;
  // Appends the ids of a word; false if it is unknown.
  bool find(const Key& key, std::vector<int32_t>& ids) const;
  void keep(const Key& key, std::span<const int32_t> ids) const;
  bool find(std::string_view word, std::vector<int32_t>& ids) const { return find(Key(word), ids); }
  void keep(std::string_view word, std::span<const int32_t> ids) const { keep(Key(word), ids); }

 private:
  struct Table;
  std::unique_ptr<Table> table_;
};

// Delays words: calls see(word, key) some words later, when the cache's memory has been prefetched.
template <typename See>
class WordQueue {
 public:
  WordQueue(const WordCache& cache, See see) : cache_(cache), see_(std::move(see)) {}
  void push(std::string_view word) {
    if (pushed_ >= kAhead) pop();
    waiting_[pushed_++ % kAhead] = {word, cache_.look_ahead(word)};
  }
  void finish() {
    while (popped_ < pushed_) pop();
  }

 private:
  static constexpr size_t kAhead = 8;
  struct Waiting {
    std::string_view word;
    WordCache::Key key;
  };
  void pop() {
    const Waiting& next = waiting_[popped_++ % kAhead];
    see_(next.word, next.key);
  }

  const WordCache& cache_;
  See see_;
  std::array<Waiting, kAhead> waiting_;
  size_t pushed_ = 0, popped_ = 0;
};

}  // namespace qkv
