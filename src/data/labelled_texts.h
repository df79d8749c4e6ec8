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
  int64_t first_line = 1;  // line number of texts[0] in the file; 2 after a header
};

// The label follows the last tab of a line. A header as in GLUE's files (sentence<TAB>label) is dropped: a first line whose label is
// "label" if no other line has that label. There is a warning if the first line's label is unique, and if there are as many labels as
// texts. Throws Error(bad_input) that names the line if a line lacks its tab, text or label or is not UTF-8, and if there is no line.
LabelledLines read_labelled_lines(const std::filesystem::path& path);

// The different labels: sorted as numbers if all are integers, otherwise alphabetically. Throws Error(bad_input) if there is only one.
std::vector<std::string> label_names(const LabelledLines& lines);

// Tokenized texts, in memory: 4 bytes per token.
class LabelledTexts {
 public:
  // Tokenizes with special tokens, on all threads. A text of more than `max_tokens` keeps its first tokens and its last special token.
  // Throws Error(bad_input) that names the line if a label is not among `names`, and if the tokenizer does not put a special token such as
  // [CLS] before a text, from which a label is predicted.
  LabelledTexts(const LabelledLines& lines, std::span<const std::string> names, const Tokenizer& tokenizer, int64_t max_tokens);

  int64_t size() const { return static_cast<int64_t>(labels_.size()); }
  const std::vector<std::vector<int32_t>>& all_ids() const { return texts_; }
  std::span<const int32_t> ids(int64_t text) const { return texts_[static_cast<size_t>(text)]; }
  int32_t label(int64_t text) const { return labels_[static_cast<size_t>(text)]; }  // index among the names
  int64_t tokens() const;
  int64_t cut() const { return cut_; }  // number of texts that were truncated

 private:
  std::vector<std::vector<int32_t>> texts_;
  std::vector<int32_t> labels_;
  int64_t cut_ = 0;
};

// The ids of texts in the form of LabelledTexts.
struct ClassifierInputs {
  std::vector<std::vector<int32_t>> ids;
  int64_t cut = 0;            // texts that were too long
  std::vector<bool> was_cut;  // which
};
ClassifierInputs encode_for_classifier(const Tokenizer& tokenizer, std::span<const std::string> texts, int64_t max_tokens);

}  // namespace qkv
