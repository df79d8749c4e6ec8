#include "data/tagged_words.h"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"
#include "base/utf8.h"
#include "data/block_hash.h"
#include "data/held_out.h"

namespace qkv {
namespace {

constexpr std::string_view kGaps = " \t";

// The first and the last column; the last is empty if there is one column.
std::pair<std::string_view, std::string_view> outer_columns(std::string_view line) {
  const std::string_view word = line.substr(0, line.find_first_of(kGaps));
  const size_t last = line.find_last_of(kGaps);
  return {word, last == std::string_view::npos ? std::string_view() : line.substr(last + 1)};
}

std::string_view trimmed(std::string_view line) {
  const size_t begin = line.find_first_not_of(kGaps);
  return begin == std::string_view::npos ? std::string_view() : line.substr(begin, line.find_last_not_of(kGaps) + 1 - begin);
}

bool is_comment(std::string_view line) { return line.starts_with("# ") && line.find('\t') == std::string_view::npos; }

struct TokenizedSentence {
  Encoding encoding;
  std::vector<int32_t> rows;  // of the words that have a token
  std::vector<size_t> words;  // their indices
};

// The first token of each word. The words stand in the text with a space between them.
TokenizedSentence tokenize(const TaggedWords::Sentence& sentence, const Tokenizer& tokenizer, int64_t max_tokens) {
  TokenizedSentence result;
  result.encoding = tokenizer.encode_with_offsets(
      sentence.text(), {.special_tokens_as_text = true,
                        .find_tags = true,
                        .truncation = Truncation{.max_length = static_cast<size_t>(max_tokens), .overflowing = true}});
  const Encoding& encoding = result.encoding;
  size_t begin = 0, token = 0;
  for (size_t word = 0; word < sentence.words.size(); ++word) {
    const size_t end = begin + sentence.words[word].size();
    const auto holds = [&](size_t at) {
      const ByteRange bytes = encoding.offsets[at];
      return encoding.special_tokens_mask[at] == 0 && bytes.begin < bytes.end && bytes.end > begin;
    };
    while (token < encoding.ids.size() && !holds(token)) ++token;
    if (token < encoding.ids.size() && encoding.offsets[token].begin < end) {
      result.rows.push_back(static_cast<int32_t>(token++));
      result.words.push_back(word);
    }
    begin = end + 1;
  }
  return result;
}

}  // namespace

std::string TaggedWords::Sentence::text() const { return fmt::format("{}", fmt::join(words, " ")); }

uint64_t TaggedWords::hash() const {
  uint64_t hash = 0;
  for (const Sentence& sentence : sentences) {
    for (const auto* strings : {&sentence.words, &sentence.labels}) {
      for (const std::string& each : *strings) hash = combine_hashes(hash, hash_block(each));
    }
    hash = combine_hashes(hash, sentence.words.size());
  }
  return hash;
}

TaggedWords read_tagged_words(const TextSource& source) {
  TaggedWords result{.source = source.opened()};
  result.source.check(TextShape::lines);
  const std::string_view text = result.source.text();
  bool open = false;
  for (size_t offset = 0; offset < text.size();) {
    const size_t begin = offset;
    const std::string_view whole = take_line(text, offset), line = trimmed(whole);
    const auto refuse = [&](std::string_view what) {
      const TextSource::Place place = result.source.place(begin);
      fail(ErrorCode::bad_input, "{}: line {} {}; each line must be a word and, in the last column, its label", place.name, place.line,
           what);
    };
    if (!is_valid_utf8(whole)) refuse("is not valid UTF-8");
    if (line.empty() || line.starts_with("-DOCSTART-")) {
      open = false;
      continue;
    }
    if (!open && is_comment(whole)) continue;
    const auto [word, label] = outer_columns(line);
    if (label.empty()) refuse("has one column");
    if (!open) result.sentences.push_back({.offset = begin});
    open = true;
    result.sentences.back().words.emplace_back(word);
    result.sentences.back().labels.emplace_back(label);
  }
  if (result.sentences.empty()) {
    fail(ErrorCode::bad_input, "{} has no sentence; each line must be a word and, in the last column, its label", source.name());
  }
  return result;
}

std::vector<std::string> label_names(const TaggedWords& words) {
  std::set<std::string> different;
  for (const TaggedWords::Sentence& sentence : words.sentences) different.insert(sentence.labels.begin(), sentence.labels.end());
  std::vector<std::string> names(different.begin(), different.end());
  if (names.size() < 2) {
    fail(ErrorCode::bad_input, "{}: all words have the label \"{}\"; there must be two labels at least", words.source.name(),
         names.front());
  }
  std::stable_partition(names.begin(), names.end(), [](const std::string& name) { return name == "O"; });
  return names;
}

HeldOutSentences hold_out_sentences(const TaggedWords& words, int64_t count, uint64_t seed) {
  const std::vector<int64_t> chosen = choose_held_out(
      [&](const auto& show) {
        for (const TaggedWords::Sentence& sentence : words.sentences) show(sentence.text());
      },
      count, seed, words.source.name());
  HeldOutSentences result{{.source = words.source}, {.source = words.source}};
  for (int64_t i = 0; i < std::ssize(words.sentences); ++i) {
    TaggedWords& part = std::ranges::binary_search(chosen, i) ? result.validation : result.training;
    part.sentences.push_back(words.sentences[static_cast<size_t>(i)]);
  }
  return result;
}

LabelledTexts tokenize_tagged_words(const TaggedWords& words, std::span<const std::string> names, const Tokenizer& tokenizer,
                                    int64_t max_tokens) {
  QKV_REQUIRE(max_tokens >= 2, "[tag] {} tokens are too few for a sentence", max_tokens);
  std::unordered_map<std::string, int32_t> numbers;
  for (const std::string& name : names) numbers.emplace(name, static_cast<int32_t>(numbers.size()));
  std::vector<TokenizedSentence> tokenized(words.sentences.size());
  parallel_for(std::ssize(tokenized), [&](int64_t i) {
    tokenized[static_cast<size_t>(i)] = tokenize(words.sentences[static_cast<size_t>(i)], tokenizer, max_tokens);
  });
  LabelledTexts texts;
  for (size_t i = 0; i < tokenized.size(); ++i) {
    const TaggedWords::Sentence& sentence = words.sentences[i];
    std::vector<int32_t> labels;
    for (const std::string& label : sentence.labels) {
      const auto found = numbers.find(label);
      if (found == numbers.end()) {
        const TextSource::Place place = words.source.place(sentence.offset);
        fail(ErrorCode::bad_input, "{}: the sentence at line {} has the label \"{}\", which is none of the model's: {}{}", place.name,
             place.line, label, fmt::join(names.first(std::min<size_t>(names.size(), 10)), ", "), names.size() > 10 ? ", …" : "");
      }
      labels.push_back(found->second);
    }
    std::vector<int32_t> predicted;
    for (const size_t word : tokenized[i].words) predicted.push_back(labels[word]);
    Encoding& encoding = tokenized[i].encoding;
    texts.add(std::move(encoding.ids), std::move(encoding.type_ids), !encoding.overflowing.empty(), std::move(tokenized[i].rows),
              std::move(predicted));
  }
  return texts;
}

}  // namespace qkv
