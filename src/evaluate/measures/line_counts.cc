#include "evaluate/measures/line_counts.h"

#include <algorithm>

#include "base/cancellation.h"
#include "base/error.h"
#include "base/parallel.h"
#include "base/utf8.h"
#include "text/unicode/unicode.h"

namespace qkv {
namespace {

std::string valid_text(const std::string& line) { return is_valid_utf8(line) ? line : replace_invalid_utf8(line); }

class LineCounter {
 public:
  explicit LineCounter(const CountingOptions& options)
      : options_(options),
        bleu_(options.scoring.tokenization),
        words_(white_space_splitter()),
        tokens_(options.scoring.tokenizer ? tokenizer_splitter(*options.scoring.tokenizer) : words_) {}

  LineCounts count(const std::string& hypothesis, std::span<const std::string> references) {
    LineCounts counts;
    if (options_.scoring.lowercase) {
      std::vector<std::string> lower;
      for (const std::string& reference : references) lower.push_back(lower_case(reference));
      count_ngrams(lower_case(hypothesis), lower, counts);
    } else {
      count_ngrams(hypothesis, references, counts);
    }
    if (options_.edit_rates) counts.ter = count_edits(hypothesis, references, options_.scoring);
    if (options_.scoring.word_error_rate) counts.word_errors = count_token_errors(hypothesis, references, words_);
    if (options_.scoring.token_error_rate) counts.token_errors = count_token_errors(hypothesis, references, tokens_);
    return counts;
  }

 private:
  void count_ngrams(const std::string& hypothesis, std::span<const std::string> references, LineCounts& counts) {
    counts.words = bleu_.count(hypothesis, references);
    counts.chrf = chrf_.count(hypothesis, references);
  }

  const CountingOptions& options_;
  BleuCounter bleu_;
  ChrfCounter chrf_;
  TokenSplitter words_, tokens_;
};

// Calls add(task, line, counts) for each line; a task's lines come one after another.
template <typename Add>
void for_each_line(std::span<const std::string> hypotheses, ReferenceLists references, const CountingOptions& options, size_t lines,
                   const Add& add) {
  const size_t tasks = (hypotheses.size() + lines - 1) / lines;
  parallel_for(static_cast<int64_t>(tasks), [&](int64_t task) {
    const auto t = static_cast<size_t>(task);
    LineCounter counter(options);
    for (size_t i = t * lines; i < std::min(hypotheses.size(), (t + 1) * lines); ++i) {
      throw_if_cancelled(options.scoring.cancellation);
      std::vector<std::string> right;
      for (const std::vector<std::string>& list : references) right.push_back(valid_text(list[i]));
      add(t, i, counter.count(valid_text(hypotheses[i]), right));
    }
  });
}

constexpr size_t kLines = 64;  // per task

}  // namespace

void LineCounts::operator+=(const LineCounts& other) {
  words += other.words;
  chrf.characters += other.chrf.characters;
  chrf.characters_beside_words += other.chrf.characters_beside_words;
  chrf.words += other.chrf.words;
  ter.edits += other.ter.edits;
  ter.length += other.ter.length;
  add_errors(word_errors, other.word_errors);
  add_errors(token_errors, other.token_errors);
}

void check_line_counts(std::span<const std::string> hypotheses, ReferenceLists references) {
  if (references.empty()) fail(ErrorCode::bad_input, "there is nothing to score: no references");
  for (const std::vector<std::string>& list : references) {
    if (hypotheses.size() != list.size()) {
      fail(ErrorCode::bad_input, "there are {} hypotheses and {} references; line i of one must belong to line i of the other",
           hypotheses.size(), list.size());
    }
  }
  if (hypotheses.empty()) fail(ErrorCode::bad_input, "there is nothing to score: no hypotheses and no references");
}

std::vector<LineCounts> count_lines(std::span<const std::string> hypotheses, ReferenceLists references, const CountingOptions& options) {
  check_line_counts(hypotheses, references);
  std::vector<LineCounts> counts(hypotheses.size());
  for_each_line(hypotheses, references, options, kLines,
                [&](size_t, size_t line, const LineCounts& line_counts) { counts[line] = line_counts; });
  return counts;
}

LineCounts count_corpus(std::span<const std::string> hypotheses, ReferenceLists references, const CountingOptions& options) {
  check_line_counts(hypotheses, references);
  std::vector<LineCounts> sums((hypotheses.size() + kLines - 1) / kLines);
  for_each_line(hypotheses, references, options, kLines,
                [&](size_t task, size_t, const LineCounts& line_counts) { sums[task] += line_counts; });
  LineCounts all;
  for (const LineCounts& sum : sums) all += sum;
  return all;
}

}  // namespace qkv
