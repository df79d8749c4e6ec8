// Text that goes on from a prompt, with the directory of a language model: config.json, model.safetensors and tokenizer.json, as qkv train
// --task lm and transformers' save_pretrained write them. Thread safety: one Generator may be used from any number of threads; calls run
// one after another, each on all threads that qkv may use.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace qkv {

// How the next token is drawn, with the definitions and the order of transformers: temperature, then top_k, then top_p.
struct GeneratorOptions {
  int64_t max_new_tokens = 256;
  double temperature = 1;  // below 1 likely tokens become likelier; 0: always the likeliest one
  int64_t top_k = 0;       // draw from the likeliest k tokens; 0: from all
  double top_p = 1;        // draw from the likeliest tokens that together have this probability; 1: from all
  int64_t seed = 0;        // the same seed gives the same text, on any number of threads
  int64_t sample = 0;      // with the same seed another number gives another text
};

enum class GenerationEnd { end_of_text, max_new_tokens };

struct Generation {
  std::string text;                 // without the prompt
  std::vector<std::string> tokens;  // as they stand in tokenizer.json
  int64_t prompt_tokens = 0;
  bool prompt_cut = false;  // it is longer than the model's context: its end was read
  GenerationEnd end = GenerationEnd::max_new_tokens;
};

class Generator {
 public:
  // `bf16`: compute in bfloat16 instead of float. Throws qkv::Error with one line that names the file and what is wrong with it.
  static Generator open(const std::filesystem::path& directory, bool bf16 = false);

  Generator(Generator&&) noexcept;
  Generator& operator=(Generator&&) noexcept;
  ~Generator();

  int64_t context() const;  // tokens that the model sees at once; 0: any number

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
