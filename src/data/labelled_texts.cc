#include "data/labelled_texts.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>
#include <unordered_map>

#include "base/error.h"
#include "base/log.h"
#include "base/option_error.h"
#include "base/split.h"
#include "base/utf8.h"
#include "data/block_hash.h"
#include "data/table_rows.h"

namespace qkv {
namespace {

std::optional<int64_t> whole_number(const std::string& text) {
  int64_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return number;
}

// With fewer lines, their labels are too few to judge.
constexpr size_t kLinesToJudge = 10;

bool is_one_of(std::string word, std::initializer_list<std::string_view> names) {
  std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(names.begin(), names.end(), word) != names.end();
}

// A first line that names its columns, as GLUE's files have.
bool is_header(const LabelledLines& lines, size_t begin, size_t end) {
  const std::string& first = lines.labels[begin];
  const auto labels = lines.labels.begin();
  const bool unique = std::count(labels + static_cast<ptrdiff_t>(begin), labels + static_cast<ptrdiff_t>(end), first) == 1;
  if (end - begin < 2 || !unique) return false;
  if (is_one_of(first, {"label", "labels"})) return true;
  const std::string text = lines.texts[begin].substr(lines.texts[begin].rfind('\t') + 1);
  return is_one_of(first, {"class", "category", "target", "sentiment", "polarity", "rating", "stars", "score", "y"}) &&
         is_one_of(text, {"text", "texts", "sentence", "sentence1", "sentence2", "review", "content", "body", "comment", "tweet",
                          "document", "title", "question", "input", "x"});
}

void leave_out_line(LabelledLines& lines, size_t index) {
  const auto at = static_cast<ptrdiff_t>(index);
  lines.texts.erase(lines.texts.begin() + at);
  if (!lines.seconds.empty()) lines.seconds.erase(lines.seconds.begin() + at);
  lines.labels.erase(lines.labels.begin() + at);
  lines.offsets.erase(lines.offsets.begin() + at);
}

// Every file may have one.
void leave_out_headers(LabelledLines& lines) {
  size_t begin = 0;
  for (const TextSource::Part& part : lines.source.parts()) {
    const auto behind = std::lower_bound(lines.offsets.begin(), lines.offsets.end(), part.end);
    const auto end = static_cast<size_t>(behind - lines.offsets.begin());
    if (begin < end && is_header(lines, begin, end)) {
      log_info("{}: the first line, \"{}\" and \"{}\", is a header and left out", part.name, lines.texts[begin], lines.labels[begin]);
      leave_out_line(lines, begin);
      begin = end - 1;
    } else {
      begin = end;
    }
  }
}

void warn_of_odd_labels(const LabelledLines& lines, bool table) {
  if (lines.labels.size() < kLinesToJudge) return;
  const std::set<std::string> different(lines.labels.begin(), lines.labels.end());
  const std::string& first = lines.labels.front();
  if (different.size() * 2 > lines.labels.size()) {
    log_warning("{}: {} lines have {} different labels, \"{}\" for one; {}", lines.source.name(), lines.labels.size(), different.size(),
                first, table ? "is that the column of the labels?" : "the label stands behind the tab, the text before it");
  } else if (!table && lines.offsets.front() == 0 && std::count(lines.labels.begin(), lines.labels.end(), first) == 1) {
    log_warning("{}: no other line than the first has the label \"{}\"; if that line is a header, take it out", lines.source.name(), first);
  }
}

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(' ');
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(' ') + 1 - begin);
}

void read_tabbed_lines(LabelledLines& result, const LabelledFormat& format) {
  const char* shape = format.pairs ? "two texts and a label with a tab after each text" : "a text, a tab and its label";
  const std::string_view text = result.source.text();
  for (size_t offset = 0; offset < text.size();) {
    const size_t begin = offset;
    const std::string line(take_line(text, offset));
    const auto refuse = [&](std::string_view what) {
      const TextSource::Place place = result.source.place(begin);
      if (line.find(',') != std::string::npos && line.find('\t') == std::string::npos) {
        fail_option(ErrorCode::bad_input, "{}: line {} {}; each line must be {}, or `text_column` and `label_column` name columns of CSV",
                    place.name, place.line, what, shape);
      }
      fail(ErrorCode::bad_input, "{}: line {} {}; each line must be {}{}", place.name, place.line, what, shape,
           line.starts_with("__label__") ? R"(; from fastText's form: sed -E 's/^__label__([^ ]+) (.*)/\2\t\1/')" : "");
    };
    if (!is_valid_utf8(line)) refuse("is not valid UTF-8");
    const size_t tab = line.rfind('\t');
    if (tab == std::string::npos) refuse("has no tab");
    if (line.find_first_not_of(" \t") >= tab) refuse("has no text");
    result.texts.push_back(line.substr(0, tab));
    if (format.pairs) {
      std::string& text = result.texts.back();
      const size_t first = text.find('\t');
      if (first == std::string::npos || text.find('\t', first + 1) != std::string::npos) refuse("has not two tabs");
      result.seconds.push_back(text.substr(first + 1));
      text.resize(first);
    }
    result.labels.push_back(trimmed(line.substr(tab + 1)));
    result.offsets.push_back(begin);
    if (result.labels.back().empty() && !format.may_lack_label) refuse("has no label");
  }
}

void read_columns(LabelledLines& result, const LabelledFormat& format) {
  const auto name = [](const std::string& given, const char* usual) { return given.empty() ? usual : given; };
  std::vector<std::string> columns{name(format.text, "text"), name(format.label, "label")};
  if (format.pairs) columns.push_back(name(format.second, "second"));
  for_each_row(result.source, columns, [&](TableRow row) {
    const auto refuse = [&](std::string_view what) {
      const TextSource::Place place = result.source.place(row.offset);
      fail(ErrorCode::bad_input, "{}: line {} has no {}", place.name, place.line, what);
    };
    if (row.values[0].find_first_not_of(" \t\r\n") == std::string::npos) refuse("text");
    result.texts.push_back(std::move(row.values[0]));
    result.labels.push_back(trimmed(row.values[1]));
    if (format.pairs) result.seconds.push_back(std::move(row.values[2]));
    result.offsets.push_back(row.offset);
    if (result.labels.back().empty() && !format.may_lack_label) refuse("label");
  });
}

// Labels with commas between them.
std::vector<std::string> split_labels(const std::string& labels) {
  std::vector<std::string> list;
  for (const std::string& each : split(labels, ',')) {
    if (std::string label = trimmed(each); !label.empty()) list.push_back(std::move(label));
  }
  return list;
}

std::optional<float> number_of(const std::string& text) {
  float number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || stop != text.data() + text.size() || !std::isfinite(number)) return std::nullopt;
  return number;
}

// The index of each name.
class LabelNumbers {
 public:
  explicit LabelNumbers(std::span<const std::string> names) : names_(names) {
    for (const std::string& name : names) numbers_.emplace(name, static_cast<int32_t>(numbers_.size()));
  }
  int32_t of(const std::string& label, const LabelledLines& lines, size_t line) const {
    const auto found = numbers_.find(label);
    if (found != numbers_.end()) return found->second;
    const TextSource::Place place = lines.place(line);
    fail(ErrorCode::bad_input, "{}: line {} has the label \"{}\", which is none of the classifier's: {}{}", place.name, place.line, label,
         fmt::join(names_.first(std::min<size_t>(names_.size(), 10)), ", "), names_.size() > 10 ? ", …" : "");
  }

 private:
  std::span<const std::string> names_;
  std::unordered_map<std::string, int32_t> numbers_;
};

}  // namespace

uint64_t LabelledLines::hash() const {
  uint64_t hash = 0;
  for (const std::vector<std::string>* strings : {&texts, &labels, &seconds}) {
    for (const std::string& each : *strings) hash = combine_hashes(hash, hash_block(each));
  }
  return hash;
}

LabelledLines read_labelled_lines(const TextSource& source, const LabelledFormat& format) {
  LabelledLines result{.source = source.opened()};
  result.source.check(TextShape::lines);
  const bool table = !format.text.empty() || !format.label.empty() || !format.second.empty() || is_json_lines(result.source.text());
  if (table) {
    read_columns(result, format);
  } else {
    read_tabbed_lines(result, format);
  }
  if (result.texts.empty()) {
    fail(ErrorCode::bad_input, "{} is empty; {}", source.name(),
         table ? "it has no rows" : "each line must be a text, a tab and its label");
  }
  if (!table) leave_out_headers(result);
  if (!format.may_lack_label && !format.numbers) warn_of_odd_labels(result, table);
  return result;
}

std::vector<std::string> label_names(const LabelledLines& lines, bool several) {
  std::set<std::string> different;
  for (const std::string& label : lines.labels) {
    if (several) {
      for (std::string& each : split_labels(label)) different.insert(std::move(each));
    } else {
      different.insert(label);
    }
  }
  std::vector<std::string> names(different.begin(), different.end());
  if (names.empty()) fail(ErrorCode::bad_input, "{}: no line has a label", lines.source.name());
  if (names.size() < 2 && !several) {
    fail(ErrorCode::bad_input, "{}: all {} lines have the label \"{}\"; a classification needs two labels at least", lines.source.name(),
         lines.labels.size(), names.front());
  }
  if (std::all_of(names.begin(), names.end(), [](const std::string& name) { return whole_number(name).has_value(); })) {
    std::stable_sort(names.begin(), names.end(), [](const auto& a, const auto& b) { return *whole_number(a) < *whole_number(b); });
  }
  return names;
}

LabelledTexts::LabelledTexts(const LabelledLines& lines, std::span<const std::string> names, const Tokenizer& tokenizer, int64_t max_tokens,
                             TextLabels kind, LabelRow row)
    : rows_(lines.texts.size(), std::vector<int32_t>{0}), labels_(lines.texts.size()), values_(lines.texts.size()) {
  const LabelNumbers numbers(names);
  for (size_t i = 0; i < lines.labels.size(); ++i) {
    if (kind == TextLabels::one) {
      labels_[i] = {numbers.of(lines.labels[i], lines, i)};
    } else if (kind == TextLabels::several) {
      values_[i].resize(names.size());
      for (const std::string& label : split_labels(lines.labels[i])) values_[i][static_cast<size_t>(numbers.of(label, lines, i))] = 1;
    } else {
      const std::optional<float> number = number_of(lines.labels[i]);
      const TextSource::Place place = lines.place(i);
      if (!number) fail(ErrorCode::bad_input, "{}: line {}: \"{}\" is not a number", place.name, place.line, lines.labels[i]);
      values_[i] = {*number};
    }
  }
  inputs_ = encode_for_classifier(tokenizer, lines.texts, lines.seconds, max_tokens, row);
}

void LabelledTexts::predict_from(const std::function<int32_t(std::span<const int32_t> ids)>& row_of) {
  for (size_t i = 0; i < rows_.size(); ++i) rows_[i] = {row_of(inputs_.ids[i])};
}

void LabelledTexts::add(std::vector<int32_t> ids, std::vector<int32_t> types, bool cut, std::vector<int32_t> rows,
                        std::vector<int32_t> labels) {
  inputs_.ids.push_back(std::move(ids));
  inputs_.token_types.push_back(std::move(types));
  inputs_.cut.push_back(cut);
  rows_.push_back(std::move(rows));
  labels_.push_back(std::move(labels));
  values_.emplace_back();
}

int64_t LabelledTexts::tokens() const {
  int64_t count = 0;
  for (const std::vector<int32_t>& ids : inputs_.ids) count += std::ssize(ids);
  return count;
}

}  // namespace qkv
