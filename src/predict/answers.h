// From scores of first and last tokens to answers, as transformers' QuestionAnsweringPipeline does it.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "qkv/question_answerer.h"
#include "qkv/tokenizer.h"

namespace qkv {

class AnswerList {
 public:
  // `words`: those of the context, ascending (TokenizerAccess::word_ranges).
  AnswerList(std::string_view context, std::span<const ByteRange> words, const AnswerOptions& options)
      : context_(context), words_(words), options_(options) {}

  // Adds the best spans of a window. `logits`: [tokens][2], for the first and the last token of an answer. `first_is_special`: whether the
  // window begins with a special token such as [CLS], whose score says that there is no answer.
  void add(const Encoding& window, std::span<const float> logits, bool first_is_special);

  // The best answers of all windows.
  std::vector<Answer> best();

 private:
  struct Span {
    size_t first, last;  // tokens
    double score;
  };
  std::vector<Span> best_spans(const Encoding& window, std::span<const double> starts, std::span<const double> ends) const;
  ByteRange bytes_of(const Encoding& window, const Span& span) const;
  ByteRange word_in(const Encoding& window, size_t word) const;
  void add_answer(ByteRange bytes, double score);

  std::string_view context_;
  std::span<const ByteRange> words_;
  const AnswerOptions& options_;
  std::vector<Answer> answers_;
  std::vector<std::string> keys_;  // of the answers, to find equal ones
  double no_answer_ = 1;
};

}  // namespace qkv
