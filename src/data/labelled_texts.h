// Texts with a label each: files of lines "text<TAB>label", tables and JSON lines; and their tokens.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/text_source.h"
#include "data/encoder_inputs.h"
#include "qkv/tokenizer.h"
#include "qkv/trainer.h"

namespace qkv {

struct LabelledLines {
  TextSource source;
  std::vector<std::string> texts, labels;
  std::vector<std::string> seconds;  // second texts of pairs; empty: there are no pairs
  std::vector<size_t> offsets;       // of the texts' lines in source.text()

  TextSource::Place place(size_t i) const { return source.place(offsets[i]); }
  uint64_t hash() const;  // of texts and labels
};

// Where the texts and labels stand.
struct LabelledFormat {
  std::string text, label, second;  // columns of a table; all empty: the files have no columns
  bool pairs = false;               // there are two texts
  bool may_lack_label = false;      // no label at all may hold for a text
  bool numbers = false;             // labels are numbers, so that many different ones are no surprise
};

// Reads the columns of tables and JSON lines (data/table_rows.h); a name that is missing beside another, or all for JSON lines, are "text",
// "second" and "label". Without columns, the label follows the last tab of a line and the second text the first one, and a header as in
// GLUE's files (sentence<TAB>label) is dropped with a note: a first line whose label no other line has and whose words are names of
// columns. There is a warning if the first line's label is unique nevertheless, and if there are as many labels as texts. Throws
// Error(bad_input) that names the file and line if a line lacks its tab, text or label or is not UTF-8, and if there is no line.
LabelledLines read_labelled_lines(const TextSource& source, const LabelledFormat& format = {});

// The different labels: sorted as numbers if all are integers, otherwise alphabetically. `several`: a line has labels with commas between
// them. Throws Error(bad_input) if there is only one of which one must hold.
std::vector<std::string> label_names(const LabelledLines& lines, bool several = false);

// Tokenized texts with what their rows predict, in memory: 4 bytes per token.
class LabelledTexts {
 public:
  LabelledTexts() = default;
  // Tokenizes with special tokens, on all threads. A text of more than `max_tokens` keeps its first tokens and its special tokens. Its
  // first row predicts its label, unless `row` says otherwise. Throws Error(bad_input) that names the line if a label is not among `names`
  // or not a number, and if the tokenizer does not put a special token such as [CLS] before a text whose first row predicts a label.
  LabelledTexts(const LabelledLines& lines, std::span<const std::string> names, const Tokenizer& tokenizer, int64_t max_tokens,
                TextLabels kind = TextLabels::one, LabelRow row = LabelRow::first);

  // From now on another row than the first predicts each text's label.
  void predict_from(const std::function<int32_t(std::span<const int32_t> ids)>& row_of);

  // Adds a text; rows[i] predicts labels[i].
  void add(std::vector<int32_t> ids, std::vector<int32_t> types, bool cut, std::vector<int32_t> rows, std::vector<int32_t> labels);

  int64_t size() const { return std::ssize(rows_); }
  const EncoderInputs& inputs() const { return inputs_; }
  const std::vector<std::vector<int32_t>>& rows() const { return rows_; }
  // Indices among the names, one for each row; empty if the texts have values.
  std::span<const int32_t> labels(int64_t text) const { return labels_[static_cast<size_t>(text)]; }
  // With TextLabels::several 1 for each name that holds and 0 for the others, with TextLabels::number the number.
  std::span<const float> values(int64_t text) const { return values_[static_cast<size_t>(text)]; }
  int64_t tokens() const;
  int64_t cut() const { return inputs_.count_cut(); }  // number of texts that were truncated

 private:
  EncoderInputs inputs_;
  std::vector<std::vector<int32_t>> rows_, labels_;
  std::vector<std::vector<float>> values_;
};

}  // namespace qkv
