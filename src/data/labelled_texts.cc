#include "data/labelled_texts.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <set>
#include <unordered_map>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/utf8.h"

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

void leave_out_header(LabelledLines& lines) {
  const std::string first = lines.labels.front();
  if (lines.labels.size() < 2 || std::count(lines.labels.begin(), lines.labels.end(), first) > 1) return;
  std::string lower = first;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower == "label" || lower == "labels") {
    log_info("{}: the first line, \"{}\" and \"{}\", is a header and left out", lines.path.string(), lines.texts.front(), first);
    lines.texts.erase(lines.texts.begin());
    lines.labels.erase(lines.labels.begin());
    lines.first_line = 2;
  }
}

void warn_of_odd_labels(const LabelledLines& lines) {
  if (lines.labels.size() < kLinesToJudge) return;
  const std::set<std::string> different(lines.labels.begin(), lines.labels.end());
  const std::string& first = lines.labels.front();
  if (different.size() * 2 > lines.labels.size()) {
    log_warning("{}: {} lines have {} different labels, \"{}\" for one; the label stands behind the tab, the text before it",
                lines.path.string(), lines.labels.size(), different.size(), first);
  } else if (lines.first_line == 1 && std::count(lines.labels.begin(), lines.labels.end(), first) == 1) {
    log_warning("{}: no other line than the first has the label \"{}\"; if that line is a header, take it out", lines.path.string(), first);
  }
}

}  // namespace

LabelledLines read_labelled_lines(const std::filesystem::path& path) {
  LabelledLines result{.path = path, .texts = {}, .labels = {}};
  for (const std::string& line : read_lines(path)) {
    const auto refuse = [&](std::string_view what) {
      fail(ErrorCode::bad_input, "{}: line {} {}; each line must be a text, a tab and its label", path.string(), result.texts.size() + 1,
           what);
    };
    if (!is_valid_utf8(line)) refuse("is not valid UTF-8");
    const size_t tab = line.rfind('\t');
    if (tab == std::string::npos) refuse("has no tab");
    if (line.find_first_not_of(" \t") >= tab) refuse("has no text");
    const size_t begin = line.find_first_not_of(' ', tab + 1);
    if (begin == std::string::npos) refuse("has no label");
    result.texts.push_back(line.substr(0, tab));
    result.labels.push_back(line.substr(begin, line.find_last_not_of(' ') + 1 - begin));
  }
  if (result.texts.empty()) fail(ErrorCode::bad_input, "{} is empty; each line must be a text, a tab and its label", path.string());
  leave_out_header(result);
  warn_of_odd_labels(result);
  return result;
}

std::vector<std::string> label_names(const LabelledLines& lines) {
  const std::set<std::string> different(lines.labels.begin(), lines.labels.end());
  std::vector<std::string> names(different.begin(), different.end());
  if (names.size() < 2) {
    fail(ErrorCode::bad_input, "{}: all {} lines have the label \"{}\"; a classification needs two labels at least", lines.path.string(),
         lines.labels.size(), names.front());
  }
  if (std::all_of(names.begin(), names.end(), [](const std::string& name) { return whole_number(name).has_value(); })) {
    std::stable_sort(names.begin(), names.end(), [](const auto& a, const auto& b) { return *whole_number(a) < *whole_number(b); });
  }
  return names;
}

ClassifierInputs encode_for_classifier(const Tokenizer& tokenizer, std::span<const std::string> texts, int64_t max_tokens) {
  QKV_REQUIRE(max_tokens >= 2, "[classifier] {} tokens are too few for a text", max_tokens);
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  ClassifierInputs result{.ids = tokenizer.encode_batch(views, {.special_tokens_as_text = true, .find_tags = true}),
                          .cut = 0,
                          .was_cut = std::vector<bool>(texts.size())};
  for (size_t i = 0; i < result.ids.size(); ++i) {
    std::vector<int32_t>& ids = result.ids[i];
    if (ids.empty() || !tokenizer.is_special(ids.front())) {
      fail(ErrorCode::bad_input, "the tokenizer puts no [CLS] token before a text; a classification needs it");
    }
    if (std::ssize(ids) <= max_tokens) continue;
    const int32_t last = ids.back();
    ids.resize(static_cast<size_t>(max_tokens));
    if (tokenizer.is_special(last)) ids.back() = last;
    ++result.cut;
    result.was_cut[i] = true;
  }
  return result;
}

LabelledTexts::LabelledTexts(const LabelledLines& lines, std::span<const std::string> names, const Tokenizer& tokenizer,
                             int64_t max_tokens) {
  std::unordered_map<std::string, int32_t> numbers;
  for (const std::string& name : names) numbers.emplace(name, static_cast<int32_t>(numbers.size()));
  for (size_t i = 0; i < lines.labels.size(); ++i) {
    const auto found = numbers.find(lines.labels[i]);
    if (found == numbers.end()) {
      fail(ErrorCode::bad_input, "{}: line {} has the label \"{}\", which is none of the classifier's: {}{}", lines.path.string(),
           static_cast<int64_t>(i) + lines.first_line, lines.labels[i], fmt::join(names.first(std::min<size_t>(names.size(), 10)), ", "),
           names.size() > 10 ? ", …" : "");
    }
    labels_.push_back(found->second);
  }
  ClassifierInputs inputs = encode_for_classifier(tokenizer, lines.texts, max_tokens);
  texts_ = std::move(inputs.ids);
  cut_ = inputs.cut;
}

int64_t LabelledTexts::tokens() const {
  int64_t count = 0;
  for (const std::vector<int32_t>& ids : texts_) count += std::ssize(ids);
  return count;
}

}  // namespace qkv
