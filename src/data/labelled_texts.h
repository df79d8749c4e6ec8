// Texts with a label each: files of lines "text<TAB>label", tables and JSON lines; and their tokens.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/text_source.h"
#include "qkv/tokenizer.h"

namespace qkv {

struct LabelledLines {
  TextSource source;
  std::vector<std::string> texts, labels;
  std::vector<size_t> offsets;  // of the texts' lines in source.text()

  TextSource::Place place(size_t i) const { return source.place(offsets[i]); }
  uint64_t hash() const;  // of texts and labels
};

// Columns of a table that hold the texts and their labels; both empty: the files have no columns.
struct LabelColumns {
  std::string text, label;
};

// Reads the columns of tables and JSON lines (data/table_rows.h); a name that is missing beside the other, or both for JSON lines, are
// "text" and "label". Without columns, the label follows the last tab of a line, and a header as in GLUE's files (sentence<TAB>label) is
// dropped with a note: a first line whose label no other line has and whose words are names of columns. There is a warning if the first
// line's label is unique nevertheless, and if there are as many labels as texts. Throws Error(bad_input) that names the file and line if a
// line lacks its tab, text or label or is not UTF-8, and if there is no line.
LabelledLines read_labelled_lines(const TextSource& source, const LabelColumns& columns = {});

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
