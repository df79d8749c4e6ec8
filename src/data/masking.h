// Tokens that are hidden from a network which is to find them out (Devlin et al. 2018, section 3.1, "Task #1: Masked LM").
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/philox.h"
#include "qkv/tokenizer.h"

namespace qkv {

struct MaskingOptions {
  double probability = 0.15;  // share of a sequence's tokens that are predicted: rounded, one at least
  double masked = 0.8;        // of these, how many are shown as [MASK]
  double random = 0.1;        // and how many as any token; the others are shown as they are
  bool whole_words = false;   // all pieces of a word are predicted, or none
};

// What masking wants to know of a tokenizer.
class MaskingVocabulary {
 public:
  // Throws Error(bad_input) where it has no [MASK], [CLS] or [SEP] (<mask>, <s> or </s>).
  explicit MaskingVocabulary(const Tokenizer& tokenizer);

  int32_t cls() const { return cls_; }
  int32_t sep() const { return sep_; }
  int32_t mask() const { return mask_; }
  // Only these are hidden, or shown in another's place: tokens of text, neither special nor unknown.
  const std::vector<int32_t>& ordinary() const { return ordinary_; }
  bool is_ordinary(int32_t id) const { return kinds_[static_cast<size_t>(id)] != Kind::special; }
  // Does an ordinary token begin a word? In WordPiece those without "##", elsewhere those with the sign of a space; where a vocabulary has
  // neither, each token is a word.
  bool begins_word(int32_t id) const { return kinds_[static_cast<size_t>(id)] == Kind::begins_word; }

 private:
  enum class Kind : uint8_t { special, begins_word, continues_word };
  int32_t cls_, sep_, mask_;
  std::vector<Kind> kinds_;
  std::vector<int32_t> ordinary_;
};

// The first of these tokens that the tokenizer has; throws Error(bad_input) naming the first one where it has none, with `purpose`.
int32_t find_token(const Tokenizer& tokenizer, std::initializer_list<const char*> names, std::string_view purpose);

struct MaskedSequence {
  std::vector<int32_t> ids;      // as the network sees them
  std::vector<int32_t> places;   // of those that it predicts, ascending
  std::vector<int32_t> targets;  // and what it is to find there
};

// Chooses words or tokens by `random` until as many tokens as wanted are hidden. A word that would be too many is passed over, unless it is
// the first. Where no token is ordinary none is hidden.
MaskedSequence mask_tokens(std::span<const int32_t> ids, const MaskingVocabulary& vocabulary, const MaskingOptions& options,
                           RandomStream random);

// The random numbers of one sequence in one epoch: they depend on nothing else, so that each epoch hides other tokens ("dynamic masking",
// Liu et al. 2019, section 4.1), and resuming needs no state. `number`: which sequence, its place in the corpus say.
RandomStream masking_stream(uint64_t seed, int64_t epoch, int64_t number);

}  // namespace qkv
