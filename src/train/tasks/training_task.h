// The interface of training tasks: everything in which one TrainTask differs from another.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/text_source.h"
#include "evaluate/batch_source.h"
#include "evaluate/validation.h"
#include "nn/uniform_config.h"
#include "qkv/tokenizer.h"
#include "qkv/trainer.h"

namespace qkv {

using Report = std::function<void(const std::string&)>;
using Progress = std::function<void(std::string_view)>;

struct SpecialTokens {
  int32_t pad = -1, eos = -1;  // -1: none
  int32_t decoder_start = 0;   // input for the first predicted token
};

struct TrainingData {
  std::unique_ptr<BatchSource> batches;
  std::unique_ptr<Validation> validation;
  double validation_share = 0;  // pairs to validate on for each pair to train on; 0: not known
  int64_t longest_target = 0;   // tokens of the longest target that is trained on, its end included; 0: there are no targets
};

class TrainingTask {
 public:
  virtual ~TrainingTask() = default;

  // The input files, each with a hash of its content: a training can only be resumed with equal inputs.
  virtual std::map<std::string, std::string> inputs() const = 0;
  // Trains a text came through a pipe and was kept beside the tokens, so that the training can go on without it.
  virtual bool keeps_texts() const = 0;
  // A tokenizer on the training text. `progress` is told now and then how far it is.
  virtual Tokenizer train_tokenizer(const Progress& progress) const = 0;
  // Throws Error(bad_input) if the tokenizer lacks a required one.
  virtual SpecialTokens special_tokens(const Tokenizer& tokenizer) const = 0;
  // Changes the encoder-decoder of the options to the network that the task needs.
  virtual void shape(UniformConfig&) const {}
  // Gives the pretrained network of --init the head of the task. Throws Error(bad_input) if it has too few positions.
  virtual void adapt(TransformerConfig&) const {}
  // Class names, if the task has classes.
  virtual std::vector<std::string> labels() const { return {}; }
  // Files that go along with the model, besides its tokenizer: contents by name.
  virtual std::map<std::string, std::string> files() const { return {}; }
  // Tokenizes into files in the directory `cache`. The tokenizer must outlive the result.
  virtual TrainingData open(const Tokenizer& tokenizer, const std::filesystem::path& cache, const Report& report) const = 0;
};

// Opens the files, exist and match. `options` must outlive the result.
std::unique_ptr<TrainingTask> make_task(const TrainOptions& options, const TextSourceOptions& texts);
std::unique_ptr<TrainingTask> make_translation_task(const TrainOptions& options, const TextSourceOptions& texts);
std::unique_ptr<TrainingTask> make_text_task(const TrainOptions& options, const TextSourceOptions& texts);
std::unique_ptr<TrainingTask> make_masked_task(const TrainOptions& options, const TextSourceOptions& texts);
std::unique_ptr<TrainingTask> make_classification_task(const TrainOptions& options, const TextSourceOptions& texts);
std::unique_ptr<TrainingTask> make_choice_task(const TrainOptions& options, const TextSourceOptions& texts);
std::unique_ptr<TrainingTask> make_tag_task(const TrainOptions& options, const TextSourceOptions& texts);
std::unique_ptr<TrainingTask> make_chat_task(const TrainOptions& options, const TextSourceOptions& texts);

// Opens one of a task's texts; what comes through a pipe is kept under the name.
TextSource open_text(const TextFiles& files, TextSourceOptions texts, const std::string& keep_as);

// The tokenizer of --tokenizer, that of --init, or one that the task trains.
Tokenizer make_tokenizer(const TrainOptions& options, const TrainingTask& task, const Report& report, const Progress& progress);

DType activation_type(const TrainOptions& options);

}  // namespace qkv
