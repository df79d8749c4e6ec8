// Text that goes on from a prompt, with the directory of a language model: config.json, model.safetensors and tokenizer.json, as qkv train
// --task lm and transformers' save_pretrained write them. Thread safety: one Generator may be used from any number of threads; calls run
// one after another, each on all threads that qkv may use.
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
#include "qkv/inference_type.h"

namespace qkv {

// How the next token is drawn, with the definitions and the order of transformers: temperature, then top_k, then top_p. What is not set is
// taken from the model's generation_config.json, and where that says nothing, as the comments say.
struct GeneratorOptions {
  std::optional<int64_t> max_new_tokens;  // 256; the file's max_length counts the prompt
  std::optional<double> temperature;      // below 1 likely tokens become likelier; 0: always the likeliest one. 1; 0 with do_sample: false
  std::optional<int64_t> top_k;           // draw from the likeliest k tokens; 0: from all. 0; 50 with do_sample: true
  std::optional<double> top_p;            // draw from the likeliest tokens that together have this probability; 1: from all. 1
  int64_t seed = 0;                       // the same seed gives the same text, on any number of threads
  int64_t sample = 0;                     // 0 to 2^32 - 1; with the same seed another number gives another text
  const CancellationToken* cancellation = nullptr;
};

enum class GenerationEnd { end_of_text, max_new_tokens };

struct Generation {
  std::string text;                 // without the prompt, and without the token that ended it
  std::vector<std::string> tokens;  // as they stand in tokenizer.json
  int64_t prompt_tokens = 0;
  bool prompt_cut = false;     // it is longer than the model's context: its end was read
  int64_t prompt_unknown = 0;  // tokens that stand for unknown characters or words, or else characters that the tokenizer left out
  GenerationEnd end = GenerationEnd::max_new_tokens;
};

class Generator {
 public:
  // Throws qkv::Error with one line that names the file and what is wrong with it.
  static Generator open(const std::filesystem::path& directory, InferenceType dtype = InferenceType::f32);

  Generator(Generator&&) noexcept;
  Generator& operator=(Generator&&) noexcept;
  ~Generator();

  int64_t context() const;  // tokens that the model sees at once; 0: any number

  // The temperature with which these options draw; 0: they always take the likeliest token.
  double temperature(const GeneratorOptions& options) const;

  // Goes on from the prompt until the model ends the text or there are max_new_tokens; an empty prompt begins a text. `on_text` gets each
  // piece of new text as soon as it is there, whole characters always; the pieces together are the result's text. A callback that throws
  // ends the call. Text that is longer than the model's context is written with its last part in view. Throws qkv::Error (invalid_argument)
  // for options.
  Generation generate(std::string_view prompt, const GeneratorOptions& options = {},
                      const std::function<void(std::string_view text)>& on_text = {}) const;

 private:
  struct Impl;
  explicit Generator(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace qkv
