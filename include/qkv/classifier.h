// Labels of texts, with the directory of a classifier: config.json, model.safetensors and tokenizer.json, as qkv train --task
// classification and transformers' save_pretrained write them. Thread safety: one Classifier may be used from any number of threads; calls
// run one after another, each on all threads that qkv may use.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "qkv/cancellation.h"
#include "qkv/inference_type.h"

namespace qkv {

struct ClassifyOptions {
  int64_t batch_tokens = 8192;  // that are computed at once; at least 1, and a text alone may have more
  const CancellationToken* cancellation = nullptr;
};

struct LabelProbability {
  int32_t label = 0;       // its place in Classifier::labels()
  double probability = 0;  // 0 to 1; all of a text sum to 1
};

// The label of one text.
struct Classification {
  std::vector<LabelProbability> labels;  // all, the likeliest first; never empty
  bool cut = false;                      // the text has more tokens than the model takes; the first ones were read
};

class Classifier {
 public:
  // Throws qkv::Error with one line that names the file and what is wrong with it: unsupported where the model labels no texts, bad_input
  // or io for its files.
  static Classifier open(const std::filesystem::path& directory, InferenceType dtype = InferenceType::f32);

  Classifier(Classifier&&) noexcept;
  Classifier& operator=(Classifier&&) noexcept;
  ~Classifier();

  const std::vector<std::string>& labels() const;  // names, as config.json's id2label has them
  int64_t max_tokens() const;                      // of a text, special ones included

  // One result for each text, in their order; each the same alone and among others. Invalid UTF-8 is read as U+FFFD; special tokens that a
  // text spells out are ordinary characters. Throws qkv::Error: OptionError (invalid_argument) for options, interrupted where it was
  // cancelled.
  std::vector<Classification> classify(std::span<const std::string> texts, const ClassifyOptions& options = {}) const;

 private:
  struct Impl;
  explicit Classifier(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace qkv
