// Texts with several choices each, of which one is right: lines "text<TAB>choice<TAB>choice…<TAB>number"; and their tokens.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/text_source.h"
#include "data/encoder_inputs.h"
#include "qkv/tokenizer.h"

namespace qkv {

struct ChoiceLines {
  TextSource source;
  std::vector<std::string> texts;
  std::vector<std::vector<std::string>> choices;  // two or more
  std::vector<int32_t> right;                     // index of the right choice

  uint64_t hash() const;
};

// Throws Error(bad_input) that names the file and line if a line has fewer than two choices, is not UTF-8 or does not end in the number of
// one of its choices, from 1 on, and if there is no line.
ChoiceLines read_choice_lines(const TextSource& source);

struct HeldOutChoices {
  ChoiceLines training, validation;
};
// See choose_held_out (data/held_out.h).
HeldOutChoices hold_out_choices(const ChoiceLines& lines, int64_t count, uint64_t seed);

// The pairs of each text and its choices as tokens.
class ChoiceTexts {
 public:
  ChoiceTexts() = default;
  // Throws as encode_for_classifier.
  ChoiceTexts(const ChoiceLines& lines, const Tokenizer& tokenizer, int64_t max_tokens);
  // pairs: those of all choices, question by question.
  ChoiceTexts(EncoderInputs pairs, std::span<const int32_t> choices_of, std::vector<int32_t> right);

  int64_t size() const { return std::ssize(right_); }  // questions
  const EncoderInputs& pairs() const { return pairs_; }
  int64_t first_pair(int64_t question) const { return begin_[static_cast<size_t>(question)]; }
  int32_t choices(int64_t question) const { return static_cast<int32_t>(first_pair(question + 1) - first_pair(question)); }
  int32_t right(int64_t question) const { return right_[static_cast<size_t>(question)]; }
  int64_t tokens() const;
  int64_t cut() const;  // questions with a pair that was shortened

 private:
  EncoderInputs pairs_;
  std::vector<int64_t> begin_{0};  // first pair of each question, and the number of all
  std::vector<int32_t> right_;
};

}  // namespace qkv
