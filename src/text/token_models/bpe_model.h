// Byte pair encoding (Sennrich et al. 2016, "Neural machine translation of rare words with subword units"): a word starts as its
// characters, and the pair of neighbours that was learned first is merged, repeatedly.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "text/pipeline/pipeline.h"
#include "text/pipeline/vocabulary.h"
#include "text/token_models/pair_map.h"
#include "text/token_models/word_cache.h"

namespace qkv {

struct BpeOptions {
  std::optional<std::string> unk_token;   // for characters without a token; if not set they are left out
  bool fuse_unk = false;                  // one unk_token for several such characters in a row
  bool byte_fallback = false;             // such a character becomes its bytes, <0xE4> …, if these are tokens
  bool ignore_merges = false;             // a word that is a token stays one even if no merges lead to it
  std::string continuing_subword_prefix;  // before every character of a word but the first
  std::string end_of_word_suffix;         // after the last one
  double dropout = 0;                     // 0 to 1, for sample(); tokenize() never drops a merge
};

// A pair and the token it becomes.
struct BpeMerge {
  TokenPair pair;
  int32_t result;
};

class BpeModel final : public TokenModel {
 public:
  // `merges` in the order of learning; for duplicate pairs the last counts. `ranks`: the rank of each merge, if some are equal: the lowest
  // is merged first, and of equal ones the leftmost in the word. Empty: the position is the rank.
  BpeModel(Vocabulary vocabulary, const std::vector<BpeMerge>& merges, BpeOptions options, const std::vector<uint32_t>& ranks = {});

  // O(n log n) in the length of the word. Additional memory for a word of n characters: 8 n bytes and the ids; with spans 24 n and these;
  // 20 n if windows of a long word have no token in common, which no learned merges have caused so far.
  void tokenize(std::string_view word, std::vector<int32_t>& ids, std::vector<Span>* spans) const override;
  // BPE-dropout (Provilkov et al. 2020) as in `tokenizers`: the next merge is skipped with probability how.dropout and may return after
  // another one was done. ignore_merges has no effect. With a dropout of 0: tokenize(). O(n log n / (1 - dropout)).
  void sample(std::string_view word, const SubwordSampling& how, RandomStream& random, std::vector<int32_t>& ids,
              std::vector<Span>* spans) const override;
  const Vocabulary& vocabulary() const override { return vocabulary_; }
  int32_t unknown_id() const override { return options_.unk_token ? vocabulary_.id(*options_.unk_token) : -1; }
  const std::string& continuing_subword_prefix() const { return options_.continuing_subword_prefix; }

 private:
  struct Ranked {
    uint32_t rank;
    int32_t result;
  };

  // The symbols being merged. `spans`, if wanted, parallel the ids.
  struct Symbols {
    std::vector<int32_t> ids;
    std::vector<Span>* spans = nullptr;
    void push(int32_t id, Span span) {
      ids.push_back(id);
      if (spans) spans->push_back(span);
    }
  };
  void first_symbols(std::string_view word, Symbols& symbols) const;
  int32_t unk_id() const;
  bool append_bytes(std::string_view token, Span span, Symbols& symbols) const;
  void merge(Symbols& symbols) const;
  bool merge_windows(Symbols& symbols) const;
  void merge_short(Symbols& symbols) const;
  void merge_long(Symbols& symbols) const;
  void merge_dropping(Symbols& symbols, float dropout, RandomStream& random) const;

  Vocabulary vocabulary_;
  BpeOptions options_;
  PairMap<Ranked> merges_;
  std::vector<int32_t> characters_;    // id of each character below kDirectCharacters; -1: no token
  std::array<int32_t, 256> byte_ids_;  // of <0x00> …; -1: no token
  WordCache cache_;
};

}  // namespace qkv
