// Chooses among several texts the one that goes best with another text, such as the ending of a story or the answer to a question, with the
// directory of a model for multiple choice (BertForMultipleChoice and the like) as transformers' save_pretrained writes it. Thread safety:
// one Chooser may be used from any number of threads; its calls run one after another, each on all threads that qkv may use.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "qkv/cancellation.h"
#include "qkv/export.h"
#include "qkv/inference_type.h"

namespace qkv {

struct ChooseOptions {
  int64_t batch_tokens = 8192;  // tokens per batch, at least 1; a single text with one of its choices may have more
  const CancellationToken* cancellation = nullptr;
};

struct ChoiceQuestion {
  std::string text;
  std::vector<std::string> choices;  // at least one
};

struct ScoredChoice {
  size_t choice = 0;  // index in ChoiceQuestion::choices
  double score = 0;   // its probability among the choices, 0 to 1
};

struct ChoiceScores {
  std::vector<ScoredChoice> choices;  // all choices, the likeliest first
  bool cut = false;  // true if the text with one of its choices has more tokens than the model takes, so that it was shortened
};

class QKV_API Chooser {
 public:
  // Throws qkv::Error with one line that names the file and its fault: unsupported if the model scores no choices, bad_input or io for its
  // files.
  static Chooser open(const std::filesystem::path& directory, InferenceType dtype = InferenceType::f32);

  Chooser(Chooser&&) noexcept;
  Chooser& operator=(Chooser&&) noexcept;
  ~Chooser();

  int64_t max_tokens() const;  // largest number of tokens of a text with one of its choices, including special ones

  // One result per question in order; a result does not depend on the other questions. The model reads the pair of the text and each of its
  // choices; a score is the softmax of its outputs over the choices. If a pair has too many tokens, the longer text is cut first. Invalid
  // UTF-8 is read as U+FFFD; special tokens spelled out in a text are ordinary characters. Throws qkv::Error: OptionError
  // (invalid_argument) for options, invalid_argument for a question without choices, unsupported if the tokenizer has no rule for pairs,
  // interrupted if it was cancelled.
  std::vector<ChoiceScores> choose(std::span<const ChoiceQuestion> questions, const ChooseOptions& options = {}) const;

 private:
  struct Impl;
  QKV_INTERNAL explicit Chooser(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace qkv
