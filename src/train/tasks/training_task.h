// What is learnt from what: everything in which one TrainTask differs from another.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "evaluate/batch_source.h"
#include "evaluate/validation.h"
#include "nn/uniform_config.h"
#include "qkv/tokenizer.h"
#include "qkv/trainer.h"

namespace qkv {

using Report = std::function<void(const std::string&)>;

struct SpecialTokens {
  int32_t pad = -1, eos = -1;  // -1: none
  int32_t decoder_start = 0;   // stands before the first token that is predicted
};

struct TrainingData {
  std::unique_ptr<BatchSource> batches;
  std::unique_ptr<Validation> validation;
};

class TrainingTask {
 public:
  virtual ~TrainingTask() = default;

  // What is read, each with a number that tells its content from another: a training is resumed with the same only.
  virtual std::map<std::string, std::string> inputs() const = 0;
  // A tokenizer for the training text.
  virtual Tokenizer train_tokenizer() const = 0;
  // Throws Error(bad_input) where the tokenizer lacks one.
  virtual SpecialTokens special_tokens(const Tokenizer& tokenizer) const = 0;
  // Makes of the encoder-decoder that the options describe the network that the task wants.
  virtual void shape(UniformConfig&) const {}
  // Gives the pretrained network of --init the head that the task wants. Throws Error(bad_input) where it has too few positions.
  virtual void adapt(TransformerConfig&) const {}
  // Names of the classes that are told apart, if any.
  virtual std::vector<std::string> labels() const { return {}; }
  // Tokenizes into files in the directory `cache`. The tokenizer stays with the caller as long as the data is used.
  virtual TrainingData open(const Tokenizer& tokenizer, const std::filesystem::path& cache, const Report& report) const = 0;
};

// Checks that the files are there and fit together. `options` stay with the caller.
std::unique_ptr<TrainingTask> make_task(const TrainOptions& options);
std::unique_ptr<TrainingTask> make_translation_task(const TrainOptions& options);
std::unique_ptr<TrainingTask> make_text_task(const TrainOptions& options);
std::unique_ptr<TrainingTask> make_masked_task(const TrainOptions& options);
std::unique_ptr<TrainingTask> make_classification_task(const TrainOptions& options);

// The tokenizer that --tokenizer names, that of --init, or one that the task trains.
Tokenizer make_tokenizer(const TrainOptions& options, const TrainingTask& task, const Report& report);

DType activation_type(const TrainOptions& options);

// 1234567 -> "1,234,567".
std::string with_commas(int64_t number);

}  // namespace qkv
