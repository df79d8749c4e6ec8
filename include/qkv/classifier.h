// Labels texts with a classifier from a directory with config.json, model.safetensors and tokenizer.json, as written by qkv train --task
// classification and transformers' save_pretrained. Thread safety: one Classifier may be used from any number of threads; its calls run one
// after another, each on all threads that qkv may use.
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

struct ClassifyOptions {
  int64_t batch_tokens = 8192;  // tokens per batch, at least 1; a single text may have more
  const CancellationToken* cancellation = nullptr;
};

struct LabelProbability {
  int32_t label = 0;       // index in Classifier::labels()
  double probability = 0;  // 0 to 1; those of a text sum to 1 unless the model says of each label alone whether it holds
};

// The result for one text.
struct Classification {
  std::vector<LabelProbability> labels;  // all labels, most probable first; never empty
  bool cut = false;                      // true if the text has more tokens than the model takes, so that only the first ones were read
};

class QKV_API Classifier {
 public:
  // Throws qkv::Error with one line that names the file and its fault: unsupported if the model is not a classifier, bad_input or io for
  // its files.
  static Classifier open(const std::filesystem::path& directory, InferenceType dtype = InferenceType::f32);

  Classifier(Classifier&&) noexcept;
  Classifier& operator=(Classifier&&) noexcept;
  ~Classifier();

  const std::vector<std::string>& labels() const;  // names from id2label of config.json
  int64_t max_tokens() const;                      // largest number of tokens of a text, including special ones

  // Returns one result per text in order; a result does not depend on the other texts. Invalid UTF-8 is read as U+FFFD; special tokens
  // spelled out in a text are ordinary characters. Throws qkv::Error: OptionError (invalid_argument) for options, interrupted if it was
  // cancelled.
  std::vector<Classification> classify(std::span<const std::string> texts, const ClassifyOptions& options = {}) const;

 private:
  struct Impl;
  QKV_INTERNAL explicit Classifier(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace qkv
