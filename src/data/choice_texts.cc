#include "data/choice_texts.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/error.h"
#include "base/split.h"
#include "base/utf8.h"
#include "data/block_hash.h"
#include "data/held_out.h"

namespace qkv {
namespace {

// The index of the right choice; -1 if the text is not the number of one.
int32_t choice_index(std::string_view text, size_t choices) {
  while (text.ends_with(' ') || text.ends_with('\r')) text.remove_suffix(1);
  size_t number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool valid = error == std::errc() && stop == text.data() + text.size() && number >= 1 && number <= choices;
  return valid ? static_cast<int32_t>(number) - 1 : -1;
}

// Adds the line at [begin, end) of the source's text.
void add_line(size_t begin, size_t end, ChoiceLines& lines) {
  const std::string_view line = lines.source.text().substr(begin, end - begin);
  const auto refuse = [&](std::string_view what) {
    const TextSource::Place place = lines.source.place(begin);
    fail(ErrorCode::bad_input,
         "{}: line {} {}; each line must be a text, two choices or more and the number of the right one, with tabs between them",
         place.name, place.line, what);
  };
  if (!is_valid_utf8(line)) refuse("is not valid UTF-8");
  std::vector<std::string> parts = split(line, '\t');
  if (parts.size() < 4) refuse(parts.size() < 2 ? "has no tab" : "has fewer than two choices");
  const std::string number = std::move(parts.back());
  parts.pop_back();
  const int32_t right = choice_index(number, parts.size() - 1);
  if (right < 0) refuse(fmt::format("ends in \"{}\", which is none of 1 to {}", shortened(number, 40), parts.size() - 1));
  lines.texts.push_back(std::move(parts.front()));
  lines.choices.emplace_back(std::make_move_iterator(parts.begin() + 1), std::make_move_iterator(parts.end()));
  lines.right.push_back(right);
}

// The questions with these indices, which are sorted, or all others.
ChoiceLines questions_of(const ChoiceLines& lines, std::span<const int64_t> indices, bool inside) {
  ChoiceLines result{.source = lines.source, .texts = {}, .choices = {}, .right = {}};
  for (size_t i = 0; i < lines.texts.size(); ++i) {
    if (std::binary_search(indices.begin(), indices.end(), static_cast<int64_t>(i)) != inside) continue;
    result.texts.push_back(lines.texts[i]);
    result.choices.push_back(lines.choices[i]);
    result.right.push_back(lines.right[i]);
  }
  return result;
}

}  // namespace

uint64_t ChoiceLines::hash() const {
  uint64_t hash = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    hash = combine_hashes(hash, hash_block(texts[i]));
    for (const std::string& choice : choices[i]) hash = combine_hashes(hash, hash_block(choice));
    hash = combine_hashes(hash, static_cast<uint64_t>(right[i]));
  }
  return hash;
}

ChoiceLines read_choice_lines(const TextSource& source) {
  ChoiceLines lines{.source = source.opened(), .texts = {}, .choices = {}, .right = {}};
  lines.source.check(TextShape::lines);
  const std::string_view text = lines.source.text();
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    add_line(begin, end, lines);
    begin = end + 1;
  }
  if (lines.texts.empty()) {
    fail(ErrorCode::bad_input, "{} is empty; each line must be a text, its choices and the number of the right one", source.name());
  }
  return lines;
}

HeldOutChoices hold_out_choices(const ChoiceLines& lines, int64_t count, uint64_t seed) {
  const auto visit = [&](const std::function<void(std::string_view)>& show) {
    for (const std::string& text : lines.texts) show(text);
  };
  const std::vector<int64_t> chosen = choose_held_out(visit, count, seed, lines.source.name());
  return {questions_of(lines, chosen, false), questions_of(lines, chosen, true)};
}

ChoiceTexts::ChoiceTexts(EncoderInputs pairs, std::span<const int32_t> choices_of, std::vector<int32_t> right)
    : pairs_(std::move(pairs)), right_(std::move(right)) {
  QKV_REQUIRE(std::ssize(pairs_.ids) <= INT32_MAX, "[choices] {} pairs are too many", pairs_.ids.size());
  for (const int32_t count : choices_of) begin_.push_back(begin_.back() + count);
  QKV_CHECK(begin_.size() == right_.size() + 1 && begin_.back() == std::ssize(pairs_.ids), "[choices] {} questions, {} answers, {} pairs",
            begin_.size() - 1, right_.size(), pairs_.ids.size());
}

namespace {

EncoderInputs encode(const ChoiceLines& lines, const Tokenizer& tokenizer, int64_t max_tokens) {
  std::vector<std::string> texts, choices;
  for (size_t i = 0; i < lines.texts.size(); ++i) {
    texts.insert(texts.end(), lines.choices[i].size(), lines.texts[i]);
    choices.insert(choices.end(), lines.choices[i].begin(), lines.choices[i].end());
  }
  return encode_for_classifier(tokenizer, texts, choices, max_tokens);
}

std::vector<int32_t> counts_of(const ChoiceLines& lines) {
  std::vector<int32_t> counts;
  for (const std::vector<std::string>& choices : lines.choices) counts.push_back(static_cast<int32_t>(choices.size()));
  return counts;
}

}  // namespace

ChoiceTexts::ChoiceTexts(const ChoiceLines& lines, const Tokenizer& tokenizer, int64_t max_tokens)
    : ChoiceTexts(encode(lines, tokenizer, max_tokens), counts_of(lines), lines.right) {}

int64_t ChoiceTexts::tokens() const {
  int64_t count = 0;
  for (const std::vector<int32_t>& ids : pairs_.ids) count += std::ssize(ids);
  return count;
}

int64_t ChoiceTexts::cut() const {
  int64_t count = 0;
  for (int64_t question = 0; question < size(); ++question) {
    const auto begin = pairs_.cut.begin() + first_pair(question), end = begin + choices(question);
    count += std::find(begin, end, true) != end;
  }
  return count;
}

}  // namespace qkv
