// Translates with a model directory of config.json, model.safetensors, tokenizer.json and generation_config.json, as written by qkv train
// and transformers' save_pretrained. Thread safety: one Translator may be used from any number of threads; its calls run one after another,
// each on all threads that qkv may use.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "qkv/cancellation.h"
#include "qkv/export.h"
#include "qkv/inference_type.h"

namespace qkv {

// Search options. Unset options have the value of the model's generation_config.json.
struct TranslatorOptions {
  std::optional<int> num_beams;             // 1: greedy search
  std::optional<float> length_penalty;      // ranks beams by sum of log p / length^length_penalty
  std::optional<int> max_length;            // tokens of a translation, including the decoder start
  float max_length_factor = 0;              // additional limit per token of the text; 0: no such limit, as in transformers
  std::optional<int> min_length;            // tokens of a translation, including the decoder start
  std::optional<float> repetition_penalty;  // > 0; above 1 tokens that a translation has become less likely
  std::optional<int> no_repeat_ngram_size;  // no sequence of this many tokens comes twice in a translation; 0: it may
  int n_best = 1;                           // candidates per text, at most num_beams; if num_beams is not set, more beams are used
  // Languages of a multilingual model, as its tokenizer names them ("deu_Latn", "de_DE", "de"). Empty: the source language of the
  // tokenizer's files, and the target of generation_config.json.
  std::string source_language, target_language;
  InferenceType dtype = InferenceType::f32;
  bool truncate = false;        // truncate texts that are longer than the model's positions instead of throwing
  bool skip_too_long = false;   // leave such texts untranslated and set Translation::too_long
  int64_t batch_tokens = 4096;  // source tokens times beams per batch
};

// The translation candidates of one text.
struct Translation {
  struct Candidate {
    std::string text;
    float score = 0;                  // beam search: sum of log p / length^length_penalty; greedy search: sum of log p
    std::vector<float> token_scores;  // log p of each token
    std::vector<std::string> tokens;  // as in tokenizer.json, including </s>
  };
  std::vector<Candidate> candidates;  // best first, never empty; a single one with empty text for an empty text
  int64_t too_long = 0;  // with skip_too_long: number of tokens of an untranslated text that exceeds the model's limit, otherwise 0
};

// Options for a single call of translate().
struct TranslationCall {
  int64_t first_line = 1;  // number of the first text in messages
  const CancellationToken* cancellation = nullptr;
  std::function<void(int64_t done)> on_progress;  // told now and then how many of the texts are translated
};

class QKV_API Translator {
 public:
  // Throws qkv::Error with one line that names the file and its fault (unsupported if the model does not translate), or OptionError
  // (invalid_argument) for an option.
  static Translator open(const std::filesystem::path& directory, const TranslatorOptions& options = {});

  Translator(Translator&&) noexcept;
  Translator& operator=(Translator&&) noexcept;
  ~Translator();

  int64_t max_source_tokens() const;  // largest number of tokens of a text, including </s>

  // The best translation of one text. Special tokens spelled out in the text ("</s>") are ordinary characters.
  std::string translate(std::string_view text) const;
  // Translates all texts in batches of similar length. Results are in the order of the texts and equal those of single calls. Throws
  // qkv::Error (bad_input) if a text has more tokens than the model has positions, naming its line, unless options.truncate or
  // options.skip_too_long is set; Error (interrupted) if it was cancelled.
  std::vector<Translation> translate(std::span<const std::string> texts, const TranslationCall& call = {}) const;

 private:
  struct Impl;
  QKV_INTERNAL explicit Translator(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace qkv
