// Texts with a label each: files of lines "text<TAB>label", and their tokens.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "qkv/tokenizer.h"

namespace qkv {

struct LabelledLines {
  std::filesystem::path path;  // for messages
  std::vector<std::string> texts, labels;
  int64_t first_line = 1;  // where texts[0] stands in the file; 2 behind a header
};

// What stands behind the last tab of a line is its label. A header as GLUE's files have it (sentence<TAB>label) is left out: a first line
// whose label is "label" where no other line has it. A first line whose label no other line has, and as many labels as texts, get a
// warning. Throws Error(bad_input), naming the line, where one lacks its tab, text or label
// or is not UTF-8, and where there is no line.
LabelledLines read_labelled_lines(const std::filesystem::path& path);

// The different labels: numbers by size where all are whole numbers, else in alphabetical order. Throws Error(bad_input) where there is but
// one.
std::vector<std::string> label_names(const LabelledLines& lines);

// Tokenized, in memory: 4 bytes for each token.
class LabelledTexts {
 public:
  // With the tokenizer's special tokens, on all threads. Of a text with more than `max_tokens` the first ones are taken, and its last
  // special token. Throws Error(bad_input), naming the line, where a label is none of `names`; and where the tokenizer does not put a
  // special token, [CLS] say, before a text: what a label is predicted from.
  LabelledTexts(const LabelledLines& lines, std::span<const std::string> names, const Tokenizer& tokenizer, int64_t max_tokens);

  int64_t size() const { return static_cast<int64_t>(labels_.size()); }
  const std::vector<std::vector<int32_t>>& all_ids() const { return texts_; }
  std::span<const int32_t> ids(int64_t text) const { return texts_[static_cast<size_t>(text)]; }
  int32_t label(int64_t text) const { return labels_[static_cast<size_t>(text)]; }  // its place among the names
  int64_t tokens() const;
  int64_t cut() const { return cut_; }  // texts that were too long

 private:
  std::vector<std::vector<int32_t>> texts_;
  std::vector<int32_t> labels_;
  int64_t cut_ = 0;
};

// The ids of texts as LabelledTexts has them.
struct ClassifierInputs {
  std::vector<std::vector<int32_t>> ids;
  int64_t cut = 0;
};
ClassifierInputs encode_for_classifier(const Tokenizer& tokenizer, std::span<const std::string> texts, int64_t max_tokens);

}  // namespace qkv
