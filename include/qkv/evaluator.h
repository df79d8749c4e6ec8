// Evaluates models: scores of translations, loss of a language model on a text, accuracy of a classifier. The C++ interface of `qkv eval`.
// Thread safety: functions may be called concurrently, each on all threads that qkv may use.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "qkv/cancellation.h"
#include "qkv/export.h"
#include "qkv/inference_type.h"

namespace qkv {

struct TranslationScores {
  std::optional<double> bleu;  // 0 to 100; sacreBLEU's default. Empty if no reference has four words, which BLEU needs
  double chrf = 0;             // 0 to 100; chrF2
  std::string signature;       // sacreBLEU's signature of BLEU
  int64_t exact_matches = 0;   // lines that equal their reference, ignoring white space at both ends
  int64_t lines = 0;

  double exact_match() const { return 100.0 * static_cast<double>(exact_matches) / static_cast<double>(lines); }  // percent
};

// Scores translations or any other lines; line i of one span corresponds to line i of the other. Throws Error (bad_input) if the counts
// differ or are 0. Invalid UTF-8 counts as U+FFFD.
QKV_API TranslationScores score_translations(std::span<const std::string> hypotheses, std::span<const std::string> references);

struct TextEvaluationOptions {
  std::string document_separator;  // splits the text into documents, as in training; empty: one document
  int64_t context = 0;             // tokens of context, at least 1 (3 for a masked model); 0: the model's positions, at most 2048
  InferenceType dtype = InferenceType::f32;
  const CancellationToken* cancellation = nullptr;
};

// Results over consecutive windows of `context` tokens that cover the text. A masked language model is evaluated on tokens hidden as in
// training, with equal choices at each call.
struct TextEvaluation {
  bool masked = false;                         // true if the model predicts hidden tokens; false if it predicts the next token
  double loss = 0;                             // mean of -log p of the predicted tokens, in nats
  double perplexity = 0;                       // exp(loss)
  std::optional<double> bits_per_byte;         // for the text in UTF-8, comparable between tokenizers; not for masked models
  std::optional<double> masked_bits_per_byte;  // for masked models: bits per byte of hidden whole words
  int64_t tokens = 0;                          // predicted tokens
  int64_t bytes = 0;                           // bytes of the text; for masked models, bytes of the hidden words
  int64_t unknown_tokens = 0;                  // tokens of the text that stand for unknown text
  std::string unknown_token;                   // the token for unknown text; empty: none
  int64_t context = 0;                         // context length used
  double seconds = 0;                          // computing time
};

// `model`: the directory of a language model or a masked language model. `text`: a file in UTF-8. Throws qkv::Error with one line:
// unsupported for a model of another kind, OptionError (invalid_argument) for options, bad_input or io for files, interrupted if it was
// cancelled.
QKV_API TextEvaluation evaluate_text(const std::filesystem::path& model, const std::filesystem::path& text,
                                     const TextEvaluationOptions& options = {});

struct ClassificationEvaluationOptions {
  InferenceType dtype = InferenceType::f32;
  const CancellationToken* cancellation = nullptr;
};

struct ClassificationEvaluation {
  double loss = 0;      // mean of -log p of the right labels, in nats
  double accuracy = 0;  // 0 to 1
  int64_t right = 0;    // texts whose most probable label is correct
  int64_t texts = 0;
  int64_t cut = 0;         // texts with more tokens than the model takes, of which only the first ones were read
  int64_t max_tokens = 0;  // limit of the model
  double seconds = 0;      // computing time
};

// `model`: the directory of a classifier. `file`: lines with a text, a tab and a label. Throws qkv::Error with one line: unsupported for a
// model of another kind, bad_input or io for files (an unknown label with its line), interrupted if it was cancelled.
QKV_API ClassificationEvaluation evaluate_classification(const std::filesystem::path& model, const std::filesystem::path& file,
                                                         const ClassificationEvaluationOptions& options = {});

}  // namespace qkv
