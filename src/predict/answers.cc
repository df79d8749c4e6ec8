#include "predict/answers.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/utf8.h"
#include "evaluate/encoder_outputs.h"
#include "text/unicode/unicode.h"

namespace qkv {
namespace {

constexpr float kNever = -10000;  // the logit of tokens that are in no answer

std::string lowered(std::string_view text) {
  std::string lower;
  for (size_t at = 0; at < text.size();) {
    const Character c = character_at(text, at);
    append_lower_case(lower, c.code_point);
    at += c.length;
  }
  return lower;
}

// The word that holds the token.
std::optional<size_t> word_of(std::span<const ByteRange> words, ByteRange token) {
  const auto after = std::ranges::upper_bound(words, token.begin, {}, &ByteRange::begin);
  if (after == words.begin() || token.end > (after - 1)->end) return std::nullopt;
  return static_cast<size_t>(after - words.begin()) - 1;
}

}  // namespace

void AnswerList::add(const Encoding& window, std::span<const float> logits, bool first_is_special) {
  const size_t tokens = window.ids.size();
  std::vector<float> first(tokens, kNever), last(tokens, kNever);
  for (size_t i = 0; i < tokens; ++i) {
    if (window.sequences[i] != 1 && !(i == 0 && first_is_special)) continue;
    first[i] = logits[2 * i];
    last[i] = logits[2 * i + 1];
  }
  std::vector<double> starts = softmax(first), ends = softmax(last);
  no_answer_ = std::min(no_answer_, starts[0] * ends[0]);
  starts[0] = ends[0] = 0;
  for (const Span& span : best_spans(window, starts, ends)) add_answer(bytes_of(window, span), span.score);
}

std::vector<AnswerList::Span> AnswerList::best_spans(const Encoding& window, std::span<const double> starts,
                                                     std::span<const double> ends) const {
  std::vector<Span> spans;
  for (size_t first = 0; first < starts.size(); ++first) {
    const size_t behind = std::min(starts.size(), first + static_cast<size_t>(options_.max_answer_tokens));
    for (size_t last = first; last < behind; ++last) {
      if (window.sequences[first] == 1 && window.sequences[last] == 1) spans.push_back({first, last, starts[first] * ends[last]});
    }
  }
  // Spans of the same words become one answer, so there must be some more.
  const auto wanted = static_cast<size_t>(options_.split_words ? options_.top_k : std::min(options_.top_k, int64_t{1} << 30) * 2 + 10);
  const auto middle = spans.begin() + static_cast<ptrdiff_t>(std::min(wanted, spans.size()));
  std::partial_sort(spans.begin(), middle, spans.end(), [](const Span& a, const Span& b) { return a.score > b.score; });
  spans.erase(middle, spans.end());
  return spans;
}

// The bytes of a word as far as the window has its tokens.
ByteRange AnswerList::word_in(const Encoding& window, size_t word) const {
  std::optional<ByteRange> range;
  for (size_t i = 0; i < window.ids.size(); ++i) {
    if (window.sequences[i] != 1 || word_of(words_, window.offsets[i]) != word) continue;
    if (!range) range = window.offsets[i];
    range->end = window.offsets[i].end;
  }
  return *range;
}

ByteRange AnswerList::bytes_of(const Encoding& window, const Span& span) const {
  const ByteRange first = window.offsets[span.first], last = window.offsets[span.last];
  if (!options_.split_words) {
    const std::optional<size_t> first_word = word_of(words_, first), last_word = word_of(words_, last);
    if (first_word && last_word) return {word_in(window, *first_word).begin, word_in(window, *last_word).end};
  }
  return {first.begin, last.end};
}

void AnswerList::add_answer(ByteRange bytes, double score) {
  const size_t size = bytes.end > bytes.begin ? bytes.end - bytes.begin : 0;
  std::string text(context_.substr(std::min(bytes.begin, context_.size()), size));
  std::string key = lowered(replace_invalid_utf8(text));
  if (const auto found = std::ranges::find(keys_, key); found != keys_.end()) {
    answers_[static_cast<size_t>(found - keys_.begin())].score += score;
    return;
  }
  keys_.push_back(std::move(key));
  answers_.push_back({std::move(text), score, bytes.begin, bytes.end});
}

std::vector<Answer> AnswerList::best() {
  if (options_.no_answer) answers_.push_back({.score = no_answer_});
  std::stable_sort(answers_.begin(), answers_.end(), [](const Answer& a, const Answer& b) { return a.score > b.score; });
  if (std::ssize(answers_) > options_.top_k) answers_.resize(static_cast<size_t>(options_.top_k));
  return std::move(answers_);
}

}  // namespace qkv
