// Translation: two files with one sentence per line.
#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "data/text_pair.h"
#include "text/training/tokenizer_trainer.h"
#include "train/tasks/training_task.h"

namespace qkv {
namespace {

int64_t longest_target(const ParallelCorpus& corpus) {
  int64_t longest = 0;
  for (int64_t pair = 0; pair < corpus.size(); ++pair) longest = std::max(longest, std::ssize(corpus.target(pair)));
  return longest;
}

class TranslationTask final : public TrainingTask {
 public:
  explicit TranslationTask(const TrainOptions& options)
      : options_(options),
        training_hash_(hash(options.source, options.target)),
        validation_hash_(hash(options.valid_source, options.valid_target)) {}

  std::map<std::string, std::string> inputs() const override {
    return {{"training text", training_hash_}, {"validation text", validation_hash_}};
  }

  Tokenizer train_tokenizer(const Progress& progress) const override {
    TokenizerTrainerOptions trainer{.progress = progress, .cancellation = options_.cancellation};
    trainer.vocab_size = options_.vocab_size ? options_.vocab_size : options_.vocab_size_limit;
    trainer.vocab_size_is_upper_bound = options_.vocab_size == 0;
    const std::vector<std::filesystem::path> files{options_.source, options_.target};
    return qkv::train_tokenizer(trainer, files);
  }

  SpecialTokens special_tokens(const Tokenizer& tokenizer) const override {
    const auto find = [&](const char* token) {
      const int32_t id = tokenizer.token_to_id(token);
      if (id < 0) fail(ErrorCode::bad_input, "the tokenizer has no {} token; training a translation model needs <pad> and </s>", token);
      return id;
    };
    const int32_t pad = find("<pad>");
    return {.pad = pad, .eos = find("</s>"), .decoder_start = pad};
  }

  TrainingData open(const Tokenizer& tokenizer, const std::filesystem::path& cache, const Report& report) const override {
    ParallelCorpus training = build(options_.source, options_.target, cache / "train.tokens", tokenizer, "training", report);
    ParallelCorpus validation =
        build(options_.valid_source, options_.valid_target, cache / "valid.tokens", tokenizer, "validation", report);
    TrainingData data;
    data.longest_target = longest_target(training);
    data.validation_share = static_cast<double>(validation.size()) / static_cast<double>(training.size());
    data.batches = std::make_unique<PairSource>(
        std::move(training), BatchOptions{.batch_tokens = options_.batch_tokens, .seed = static_cast<uint64_t>(options_.seed)},
        special_tokens(tokenizer).decoder_start);
    data.validation = std::make_unique<TranslationValidation>(
        std::move(validation), read_lines(options_.valid_source), read_lines(options_.valid_target), tokenizer,
        TranslationValidationOptions{.dtype = activation_type(options_),
                                     .num_beams = static_cast<int>(options_.valid_beam_size),
                                     .batch_tokens = options_.batch_tokens,
                                     .cancellation = options_.cancellation});
    return data;
  }

 private:
  static std::string hash(const std::filesystem::path& source, const std::filesystem::path& target) {
    return fmt::format("{:016x}", TextPair(source, target).content_hash());
  }

  ParallelCorpus build(const std::filesystem::path& source, const std::filesystem::path& target, const std::filesystem::path& cache,
                       const Tokenizer& tokenizer, const char* what, const Report& report) const {
    ParallelCorpus corpus = ParallelCorpus::build({.source = source,
                                                   .target = target,
                                                   .cache = cache,
                                                   .max_tokens = static_cast<int>(options_.max_length),
                                                   .cancellation = options_.cancellation},
                                                  tokenizer);
    std::string message = fmt::format("{}: {} pairs", what, with_commas(corpus.size()));
    if (corpus.too_long())
      message += fmt::format("; left out {} longer than {} tokens", with_commas(corpus.too_long()), options_.max_length);
    if (corpus.empty()) message += fmt::format("; left out {} with an empty side", with_commas(corpus.empty()));
    report(message);
    return corpus;
  }

  const TrainOptions& options_;
  std::string training_hash_, validation_hash_;
};

}  // namespace

std::unique_ptr<TrainingTask> make_translation_task(const TrainOptions& options) { return std::make_unique<TranslationTask>(options); }

}  // namespace qkv
