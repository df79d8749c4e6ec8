// Hides tokens that a network then predicts (Devlin et al. 2018, section 3.1, "Task #1: Masked LM").
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/philox.h"
#include "qkv/tokenizer.h"

namespace qkv {

struct MaskingOptions {
  double probability = 0.15;  // share of a sequence's tokens to predict: rounded, at least one
  double masked = 0.8;        // share of these that is shown as [MASK]
  double random = 0.1;        // share that is shown as a random token; the rest is unchanged
  bool whole_words = false;   // all pieces of a word are predicted, or none
};

// The properties of a tokenizer that masking needs.
class MaskingVocabulary {
 public:
  // Throws Error(bad_input) if the tokenizer has no [MASK], [CLS] or [SEP] (<mask>, <s> or </s>).
  explicit MaskingVocabulary(const Tokenizer& tokenizer);

  int32_t cls() const { return cls_; }
  int32_t sep() const { return sep_; }
  int32_t mask() const { return mask_; }
  // Tokens that may be hidden or used as random replacements: text tokens, neither special nor unknown.
  const std::vector<int32_t>& ordinary() const { return ordinary_; }
  bool is_ordinary(int32_t id) const { return kinds_[static_cast<size_t>(id)] != Kind::special; }
  // True if an ordinary token begins a word: without "##" in WordPiece, with the space symbol elsewhere. If a vocabulary has neither, each
  // token is a word.
  bool begins_word(int32_t id) const { return kinds_[static_cast<size_t>(id)] == Kind::begins_word; }

 private:
  enum class Kind : uint8_t { special, begins_word, continues_word };
  int32_t cls_, sep_, mask_;
  std::vector<Kind> kinds_;
  std::vector<int32_t> ordinary_;
};

// The first of these tokens that the tokenizer has. If it has none, throws Error(bad_input) that names the first one, with `purpose`.
int32_t find_token(const Tokenizer& tokenizer, std::initializer_list<const char*> names, std::string_view purpose);

struct MaskedSequence {
  std::vector<int32_t> ids;      // as the network sees them
  std::vector<int32_t> places;   // positions to predict, ascending
  std::vector<int32_t> targets;  // the original tokens at these positions
};

// Chooses random words or tokens until as many tokens as wanted are hidden. A word that would exceed that is skipped unless it is the
// first. If no token is ordinary, none is hidden.
MaskedSequence mask_tokens(std::span<const int32_t> ids, const MaskingVocabulary& vocabulary, const MaskingOptions& options,
                           RandomStream random);

// The random numbers of one sequence in one epoch. They depend on nothing else, so that each epoch hides other tokens ("dynamic masking",
// Liu et al. 2019, section 4.1) and resuming needs no state. `number` identifies the sequence, for example its index in the corpus.
RandomStream masking_stream(uint64_t seed, int64_t epoch, int64_t number);

}  // namespace qkv
