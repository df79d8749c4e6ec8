// Continues prompts with a language model from a directory with config.json, model.safetensors and tokenizer.json, as written by qkv train
// --task lm and transformers' save_pretrained. Thread safety: one Generator may be used from any number of threads; its calls run one after
// another, each on all threads that qkv may use.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "qkv/cancellation.h"
#include "qkv/export.h"
#include "qkv/inference_type.h"

namespace qkv {

// Controls how the next token is drawn, with the definitions and the order of transformers: repetition_penalty, no_repeat_ngram_size,
// temperature, top_k, top_p, min_p, typical_p, epsilon_cutoff, eta_cutoff. Unset options have the value of the model's
// generation_config.json, or else the default given here.
struct GeneratorOptions {
  std::optional<int64_t> max_new_tokens;    // default 256; max_length of the file includes the prompt
  std::optional<int64_t> min_new_tokens;    // no end before this number of tokens. Default 0
  std::optional<double> temperature;        // below 1 favours likely tokens; 0: the most likely one. Default 1, or 0 with do_sample: false
  std::optional<int64_t> top_k;             // draw from the k most likely tokens; 0: from all. Default 0, or 50 with do_sample: true
  std::optional<double> top_p;              // draw from the most likely tokens that together have this probability; 1: from all. Default 1
  std::optional<double> min_p;              // draw from tokens of at least this share of the likeliest one's probability, 0 to 1. Default 0
  std::optional<double> typical_p;          // draw from tokens of typical information up to this probability, 0 < p <= 1; 1: all. Default 1
  std::optional<double> epsilon_cutoff;     // draw from tokens of at least this probability, 0 to 1; 0: from all. Default 0
  std::optional<double> eta_cutoff;         // the same with min(x, sqrt(x) exp(-entropy)) as the least probability. Default 0
  std::optional<float> repetition_penalty;  // > 0; above 1 tokens of the prompt and the text become less likely. Default 1
  std::optional<int> no_repeat_ngram_size;  // no sequence of this many tokens comes twice, the prompt counted; 0: it may. Default 0
  int64_t seed = 0;                         // equal seeds give equal texts, with any number of threads
  int64_t sample = 0;                       // 0 to 2^32 - 1; selects one of many texts of a seed
  bool add_special_tokens = true;           // around the prompt; false for prompts of a chat template (qkv/chat.h), which has its own
  const CancellationToken* cancellation = nullptr;
};

enum class GenerationEnd { end_of_text, max_new_tokens };

struct Generation {
  std::string text;                 // without the prompt and the token that ended it
  std::vector<std::string> tokens;  // as in tokenizer.json
  int64_t prompt_tokens = 0;
  bool prompt_cut = false;     // true if the prompt is longer than the model's context, so that only its end was read
  int64_t prompt_unknown = 0;  // tokens for unknown characters or words, or else characters that the tokenizer dropped
  GenerationEnd end = GenerationEnd::max_new_tokens;
};

class QKV_API Generator {
 public:
  // Throws qkv::Error with one line that names the file and its fault.
  static Generator open(const std::filesystem::path& directory, InferenceType dtype = InferenceType::f32);

  Generator(Generator&&) noexcept;
  Generator& operator=(Generator&&) noexcept;
  ~Generator();

  int64_t context() const;  // tokens of context; 0: unlimited

  // The temperature that these options result in; 0: always the most likely token.
  double temperature(const GeneratorOptions& options) const;

  // Continues the prompt until the model ends the text or max_new_tokens is reached; an empty prompt starts a new text. `on_text` receives
  // each piece of new text immediately, always as complete characters; the pieces together are the result's text. An exception thrown by
  // the callback ends the call. If the text exceeds the model's context, the model sees its last part. Throws qkv::Error (invalid_argument)
  // for options.
  Generation generate(std::string_view prompt, const GeneratorOptions& options = {},
                      const std::function<void(std::string_view text)>& on_text = {}) const;

 private:
  struct Impl;
  QKV_INTERNAL explicit Generator(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace qkv
