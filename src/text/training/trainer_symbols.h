// Shared by the trainers that merge neighbours: an alphabet, and every word of the corpus as linked symbols.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "qkv/cancellation.h"
#include "text/token_models/pair_map.h"
#include "text/training/word_counts.h"

namespace qkv {

struct LearnOptions {
  size_t vocab_size = 8000;
  uint64_t min_frequency = 2;                                  // a pair seen less often is not merged
  size_t limit_alphabet = std::numeric_limits<size_t>::max();  // characters kept, the most frequent ones
  double character_coverage = 1.0;                 // limits the alphabet further to the characters that make up that share of the text
  std::u32string initial_alphabet;                 // always kept, before the most frequent ones
  std::vector<std::string> special_tokens;         // ids 0, 1, …; no merge makes one of them
  std::string continuing_prefix;                   // for all characters of a word but the first: "##" in WordPiece
  std::function<void(std::string_view)> progress;  // called now and then with a few words about the progress
  const CancellationToken* cancellation = nullptr;
};

// The characters to keep, ordered by code point. Among equally frequent characters those with higher code points are dropped first.
std::u32string choose_alphabet(std::span<const WordCount> words, const LearnOptions& options);

// The tokens so far: special tokens, then the alphabet, then, if there is a prefix, the prefixed characters that occur in words.
class TokenTable {
 public:
  explicit TokenTable(const std::vector<std::string>& special_tokens);

  int32_t add(const std::string& token);  // the existing id, or a new one
  size_t size() const { return tokens_.size(); }
  const std::string& operator[](int32_t id) const { return tokens_[static_cast<size_t>(id)]; }
  // The token that two tokens make; the right one loses its prefix.
  std::string joined(TokenPair pair, std::string_view prefix) const;
  bool is_special(const std::string& token) const { return special_.contains(token); }
  std::vector<std::string> take() { return std::move(tokens_); }

 private:
  std::vector<std::string> tokens_;
  std::unordered_map<std::string, int32_t> ids_;
  std::unordered_set<std::string> special_;
};

// The words as one sequence of symbols that are linked to their neighbours. A place is the index of a symbol.
class WordSymbols {
 public:
  // Adds the characters to `tokens`. Characters outside the alphabet are removed from their words.
  WordSymbols(std::span<const WordCount> words, const std::u32string& alphabet, const LearnOptions& options, TokenTable& tokens);

  // Calls each(id, count) for every symbol and pair(TokenPair, count, place of its left symbol) for every pair of neighbours.
  template <typename EachSymbol, typename EachPair>
  void visit(EachSymbol&& each, EachPair&& pair) const {
    for (uint32_t place = 0; place < symbols_.size(); ++place) {
      const Symbol& symbol = symbols_[place];
      each(symbol.id, weight(place));
      if (symbol.next != kNone) pair(TokenPair{symbol.id, symbols_[symbol.next].id}, weight(place), place);
    }
  }

  // Merges the pair at a place into one symbol; does nothing if it is no longer there. Calls lost(TokenPair, count) for each pair of
  // neighbours that disappears except the merged one, and won(TokenPair, count, place) for each new one. Returns the count of the word (0:
  // nothing was merged).
  template <typename Lost, typename Won>
  uint64_t join(uint32_t place, TokenPair pair, int32_t joined, Lost&& lost, Won&& won) {
    Symbol& left = symbols_[place];
    if (left.id != pair.left || left.next == kNone || symbols_[left.next].id != pair.right) return 0;
    Symbol& right = symbols_[left.next];
    const uint64_t count = weight(place);
    if (left.previous != kNone) {
      const int32_t before = symbols_[left.previous].id;
      lost(TokenPair{before, pair.left}, count);
      won(TokenPair{before, joined}, count, left.previous);
    }
    if (right.next != kNone) {
      const int32_t after = symbols_[right.next].id;
      lost(TokenPair{pair.right, after}, count);
      won(TokenPair{joined, after}, count, place);
      symbols_[right.next].previous = place;
    }
    left.id = joined;
    left.next = right.next;
    right.id = -1;
    return count;
  }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  struct Symbol {
    int32_t id;  // -1: merged into the previous one
    uint32_t previous, next, word;
  };
  uint64_t weight(uint32_t place) const { return weights_[symbols_[place].word]; }

  std::vector<Symbol> symbols_;
  std::vector<uint64_t> weights_;  // counts of the words
};

}  // namespace qkv
