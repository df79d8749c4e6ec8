// Texts, and pairs of texts, as an encoder reads them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "qkv/tokenizer.h"

namespace qkv {

struct EncoderInputs {
  std::vector<std::vector<int32_t>> ids;
  std::vector<std::vector<int32_t>> token_types;  // as `ids`; empty if every type is 0
  std::vector<bool> cut;                          // which had more tokens than allowed, so that only a part was kept

  int64_t count_cut() const;
};

// The row of a text from which its label is predicted.
enum class LabelRow : uint8_t { first, any };

// Texts, or pairs of texts unless `seconds` is empty, with special tokens. What is longer than `max_tokens` keeps its first tokens and its
// last special token; in a pair the longer text is shortened first, as transformers does. Special tokens that a text spells out are
// ordinary characters. Throws Error(bad_input) if the tokenizer does not put a special token such as [CLS] before a text whose first row
// predicts a label, and Error(unsupported) if it has no rule for pairs.
EncoderInputs encode_for_classifier(const Tokenizer& tokenizer, std::span<const std::string> texts, std::span<const std::string> seconds,
                                    int64_t max_tokens, LabelRow row = LabelRow::first);

}  // namespace qkv
