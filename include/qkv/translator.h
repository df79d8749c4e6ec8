// Translation with a model directory: config.json, model.safetensors, tokenizer.json and generation_config.json, as qkv train and
// transformers' save_pretrained write them. Thread safety: one Translator may be used from any number of threads; calls run one after
// another, each on all threads that qkv may use.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "qkv/cancellation.h"
#include "qkv/inference_type.h"

namespace qkv {

// How to translate. What is not set is taken from the model's generation_config.json.
struct TranslatorOptions {
  std::optional<int> num_beams;         // 1: greedy search
  std::optional<float> length_penalty;  // beams are ranked by sum of log p / length^length_penalty
  std::optional<int> max_length;        // tokens of a translation, the decoder start included
  float max_length_factor = 0;          // and at most so many for each token of the text; 0: no such limit, as transformers has it
  std::optional<int> min_length;        // tokens of a translation, the decoder start included
  int n_best = 1;                       // candidates for each text, at most num_beams; more beams are used where num_beams is not set
  InferenceType dtype = InferenceType::f32;
  bool truncate = false;        // cut texts that are longer than the model's positions instead of throwing
  bool skip_too_long = false;   // or leave them untranslated: Translation::too_long
  int64_t batch_tokens = 4096;  // source tokens times beams that are computed at once
};

// The translations of one text.
struct Translation {
  struct Candidate {
    std::string text;
    float score = 0;                  // beam search: sum of log p / length^length_penalty; greedy search: sum of log p
    std::vector<float> token_scores;  // log p of each token
    std::vector<std::string> tokens;  // as they stand in tokenizer.json, </s> included
  };
  std::vector<Candidate> candidates;  // best first, never empty; one with an empty text for an empty text
  int64_t too_long = 0;               // with skip_too_long: the text has so many tokens, more than the model takes, and stays empty
};

// Options of one call of translate().
struct TranslationCall {
  int64_t first_line = 1;  // number of the first text, for messages
  const CancellationToken* cancellation = nullptr;
};

class Translator {
 public:
  // Throws qkv::Error with one line that names the file and what is wrong with it (unsupported where the model does not translate), or
  // OptionError (invalid_argument) for an option.
  static Translator open(const std::filesystem::path& directory, const TranslatorOptions& options = {});

  Translator(Translator&&) noexcept;
  Translator& operator=(Translator&&) noexcept;
  ~Translator();

  int64_t max_source_tokens() const;  // of a text, </s> included

  // The best translation of one text. Special tokens that it spells out ("</s>") are ordinary characters.
  std::string translate(std::string_view text) const;
  // All texts, in batches of similar length; results in the order of the texts, equal to those of one text after another. Throws
  // qkv::Error (bad_input) where a text has more tokens than the model has positions, naming it as a line, unless options.truncate or
  // options.skip_too_long; Error (interrupted) where it was cancelled.
  std::vector<Translation> translate(std::span<const std::string> texts, const TranslationCall& call = {}) const;

 private:
  struct Impl;
  explicit Translator(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace qkv
