// Finds the answers to questions in texts (extractive question answering) with the directory of a model that transformers'
// save_pretrained wrote (BertForQuestionAnswering and the like). Thread safety: one QuestionAnswerer may be used from any number of
// threads; its calls run one after another, each on all threads that qkv may use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "qkv/cancellation.h"
#include "qkv/export.h"
#include "qkv/inference_type.h"

namespace qkv {

struct AnswerOptions {
  int64_t top_k = 1;               // answers per question, at least 1
  int64_t max_answer_tokens = 15;  // longest answer, at least 1
  bool no_answer = false;          // the text may hold no answer: an empty one is listed with its score, as models of SQuAD 2.0 learn it
  bool split_words = false;        // answers may begin and end inside words
  int64_t window = 384;            // tokens of a window: question, part of the text and special tokens; at most what the model takes
  std::optional<int64_t> stride;   // tokens of the text that a window repeats from the one before it. Empty: 128, at most half a window
  int64_t batch_tokens = 8192;     // tokens per batch, at least 1; a single window may have more
  const CancellationToken* cancellation = nullptr;
};

struct Question {
  std::string question, context;
};

struct Answer {
  std::string text;           // bytes [begin, end) of the context; empty: there is no answer
  double score = 0;           // p(first token) p(last token) in its window; equal answers of several windows have the sum
  size_t begin = 0, end = 0;  // of the first place in the context
};

class QKV_API QuestionAnswerer {
 public:
  // Throws qkv::Error with one line that names the file and its fault: unsupported if the model finds no answers, bad_input or io for its
  // files.
  static QuestionAnswerer open(const std::filesystem::path& directory, InferenceType dtype = InferenceType::f32);

  QuestionAnswerer(QuestionAnswerer&&) noexcept;
  QuestionAnswerer& operator=(QuestionAnswerer&&) noexcept;
  ~QuestionAnswerer();

  int64_t max_tokens() const;  // largest number of tokens of a window, including special ones

  // The answers to each question, best first, as transformers' QuestionAnsweringPipeline ranks them; none for a context without tokens.
  // They do not depend on the other questions. Invalid UTF-8 is read as U+FFFD; special tokens spelled out in a text are ordinary
  // characters. Throws qkv::Error: OptionError (invalid_argument) for options, bad_input that quotes a question which leaves no room for
  // its context in a window, interrupted if it was cancelled.
  std::vector<std::vector<Answer>> answer(std::span<const Question> questions, const AnswerOptions& options = {}) const;

 private:
  struct Impl;
  QKV_INTERNAL explicit QuestionAnswerer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace qkv
