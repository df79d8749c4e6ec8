#include "evaluate/scores.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/parallel.h"
#include "base/utf8.h"
#include "evaluate/bleu.h"
#include "evaluate/chrf.h"
#include "evaluate/split_words.h"

namespace qkv {
namespace {

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  return begin == std::string_view::npos ? std::string_view() : text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin);
}

}  // namespace

Scores score_corpus(std::span<const std::string> hypotheses, std::span<const std::string> references) {
  if (hypotheses.size() != references.size()) {
    fail(ErrorCode::bad_input, "there are {} hypotheses and {} references; line i of one must belong to line i of the other",
         hypotheses.size(), references.size());
  }
  if (hypotheses.empty()) fail(ErrorCode::bad_input, "there is nothing to score: no hypotheses and no references");

  constexpr size_t kLines = 64;  // lines per task
  const size_t tasks = (hypotheses.size() + kLines - 1) / kLines;
  std::vector<NgramCounts> words(tasks), characters(tasks);
  parallel_for(static_cast<int64_t>(tasks), [&](int64_t task) {
    const auto t = static_cast<size_t>(task);
    BleuCounter word_counter;
    ChrfCounter character_counter;
    for (size_t i = t * kLines; i < std::min(hypotheses.size(), (t + 1) * kLines); ++i) {
      const bool valid = is_valid_utf8(hypotheses[i]) && is_valid_utf8(references[i]);
      const std::string hypothesis = valid ? hypotheses[i] : replace_invalid_utf8(hypotheses[i]);
      const std::string reference = valid ? references[i] : replace_invalid_utf8(references[i]);
      words[t] += word_counter.count(hypothesis, reference);
      characters[t] += character_counter.count(hypothesis, reference);
    }
  });
  NgramCounts all_words, all_characters;
  for (size_t t = 0; t < tasks; ++t) {
    all_words += words[t];
    all_characters += characters[t];
  }
  return {bleu(all_words), chrf(all_characters), "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0"};
}

bool bleu_is_defined(std::span<const std::string> references) {
  return std::any_of(references.begin(), references.end(), [](const std::string& line) {
    return split_words(tokenize_13a(is_valid_utf8(line) ? line : replace_invalid_utf8(line))).size() >= 4;
  });
}

size_t exact_matches(std::span<const std::string> hypotheses, std::span<const std::string> references) {
  size_t count = 0;
  for (size_t i = 0; i < references.size(); ++i) count += trimmed(hypotheses[i]) == trimmed(references[i]);
  return count;
}

}  // namespace qkv
