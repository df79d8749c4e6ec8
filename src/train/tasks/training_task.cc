#include "train/tasks/training_task.h"

#include "base/error.h"
#include "base/number_text.h"
#include "base/timing.h"
#include "train/options/precision.h"

namespace qkv {

std::unique_ptr<TrainingTask> make_task(const TrainOptions& options, const TextSourceOptions& texts) {
  switch (options.task) {
    case TrainTask::lm: return make_text_task(options, texts);
    case TrainTask::mlm: return make_masked_task(options, texts);
    case TrainTask::classification: return make_classification_task(options, texts);
    case TrainTask::tag: return make_tag_task(options, texts);
    case TrainTask::choice: return make_choice_task(options, texts);
    case TrainTask::chat: return make_chat_task(options, texts);
    case TrainTask::translation: break;
  }
  return make_translation_task(options, texts);
}

TextSource open_text(const TextFiles& files, TextSourceOptions texts, const std::string& keep_as) {
  texts.keep_as = keep_as;
  return TextSource::open(files, texts);
}

Tokenizer make_tokenizer(const TrainOptions& options, const TrainingTask& task, const Report& report, const Progress& progress) {
  if (!options.tokenizer.empty()) return Tokenizer::load(options.tokenizer, {.tiktoken_pattern = options.tiktoken_pattern});
  if (!options.init.empty()) return Tokenizer::load(options.init);
  const Stopwatch watch;
  Tokenizer tokenizer = task.train_tokenizer(progress);
  report(fmt::format("tokenizer: {} tokens, trained in {:.1f} s", with_commas(tokenizer.vocab_size()), watch.seconds()));
  return tokenizer;
}

DType activation_type(const TrainOptions& options) { return activation_type(options.dtype); }

}  // namespace qkv
