// How good a model is: scores of translations, loss of a language model on a text, accuracy of a classifier. What `qkv eval` does, for C++
// programs. Thread safety: calls may run at once in several threads, each on all threads that qkv may use.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "qkv/cancellation.h"
#include "qkv/inference_type.h"

namespace qkv {

struct TranslationScores {
  std::optional<double> bleu;  // 0 to 100; sacreBLEU's default. Empty where no reference has the four words that it counts
  double chrf = 0;             // 0 to 100; chrF2
  std::string signature;       // sacreBLEU's, of BLEU
  int64_t exact_matches = 0;   // lines that equal their reference, white space at their ends aside
  int64_t lines = 0;

  double exact_match() const { return 100.0 * static_cast<double>(exact_matches) / static_cast<double>(lines); }  // percent
};

// Scores translations (Translator's) or any other lines; line i of one belongs to line i of the other. Throws Error (bad_input) where their
// counts differ or there is no line. Invalid UTF-8 counts as U+FFFD.
TranslationScores score_translations(std::span<const std::string> hypotheses, std::span<const std::string> references);

struct TextEvaluationOptions {
  std::string document_separator;  // cuts the text into documents, as in training; empty: it is one
  int64_t context = 0;             // tokens that the model sees at once, 1 or more (a masked model's 3); 0: its positions, at most 2048
  InferenceType dtype = InferenceType::f32;
  const CancellationToken* cancellation = nullptr;
};

// Over all windows of `context` tokens that follow each other. A masked language model is judged by the tokens that training would hide,
// the same ones at each call.
struct TextEvaluation {
  bool masked = false;                         // the model finds hidden tokens; else it predicts the next one
  double loss = 0;                             // mean of -log p of the predicted tokens, in nats
  double perplexity = 0;                       // exp(loss)
  std::optional<double> bits_per_byte;         // of the text in UTF-8: comparable between tokenizers. Not of masked models
  std::optional<double> masked_bits_per_byte;  // of masked models: of whole words hidden, for each byte of these
  int64_t tokens = 0;                          // that were predicted
  int64_t bytes = 0;                           // of the text; of masked models, of the hidden words
  int64_t unknown_tokens = 0;                  // of the text, that stand for what the tokenizer does not know
  std::string unknown_token;                   // the token that does; empty: there is none
  int64_t context = 0;                         // that was used
  double seconds = 0;                          // of computing
};

// `model`: the directory of a language model, or of a masked one. `text`: a file in UTF-8. Throws qkv::Error with one line: unsupported for
// a model of another kind, OptionError (invalid_argument) for options, bad_input or io for files, interrupted where it was cancelled.
TextEvaluation evaluate_text(const std::filesystem::path& model, const std::filesystem::path& text,
                             const TextEvaluationOptions& options = {});

struct ClassificationEvaluationOptions {
  InferenceType dtype = InferenceType::f32;
  const CancellationToken* cancellation = nullptr;
};

struct ClassificationEvaluation {
  double loss = 0;      // mean of -log p of the right labels, in nats
  double accuracy = 0;  // 0 to 1
  int64_t right = 0;    // texts whose likeliest label is theirs
  int64_t texts = 0;
  int64_t cut = 0;         // texts with more tokens than the model takes; the first ones were read
  int64_t max_tokens = 0;  // that it takes
  double seconds = 0;      // of computing
};

// `model`: the directory of a classifier. `file`: lines of a text, a tab and its label. Throws qkv::Error with one line: unsupported for a
// model of another kind, bad_input or io for files (an unknown label with its line), interrupted where it was cancelled.
ClassificationEvaluation evaluate_classification(const std::filesystem::path& model, const std::filesystem::path& file,
                                                 const ClassificationEvaluationOptions& options = {});

}  // namespace qkv
