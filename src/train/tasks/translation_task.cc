// Translation: two files with one sentence per line.
#include <algorithm>

#include "base/error.h"
#include "base/number_text.h"
#include "data/held_out.h"
#include "data/table_rows.h"
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
  TranslationTask(const TrainOptions& options, const TextSourceOptions& texts)
      : options_(options), training_(open(texts, options.source, options.target, "")) {
    if (options.valid_split > 0) {
      HeldOutPairs parts = hold_out_pairs(training_, options.valid_split, static_cast<uint64_t>(options.seed), texts);
      training_ = std::move(parts.training);
      validation_ = std::move(parts.validation);
    } else {
      validation_ = open(texts, options.valid_source, options.valid_target, "valid-");
    }
    training_hash_ = hash(training_);
    validation_hash_ = hash(validation_);
  }

  std::map<std::string, std::string> inputs() const override {
    return {{"training text", training_hash_}, {"validation text", validation_hash_}};
  }

  bool keeps_texts() const override { return kept_; }

  Tokenizer train_tokenizer(const Progress& progress) const override {
    TokenizerTrainerOptions trainer{.progress = progress, .cancellation = options_.cancellation};
    trainer.vocab_size = options_.vocab_size ? options_.vocab_size : options_.vocab_size_limit;
    trainer.vocab_size_is_upper_bound = options_.vocab_size == 0;
    const std::vector<TextPart> texts{{training_.source}, {training_.target}};
    return qkv::train_tokenizer(trainer, std::span<const TextPart>(texts));
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
    ParallelCorpus training = build(training_, cache / "train.tokens", tokenizer, "training", report);
    ParallelCorpus validation = build(validation_, cache / "valid.tokens", tokenizer, "validation", report);
    TrainingData data;
    data.longest_target = longest_target(training);
    data.validation_share = static_cast<double>(validation.size()) / static_cast<double>(training.size());
    data.batches = std::make_unique<PairSource>(
        std::move(training), BatchOptions{.batch_tokens = options_.batch_tokens, .seed = static_cast<uint64_t>(options_.seed)},
        special_tokens(tokenizer).decoder_start);
    data.validation = std::make_unique<TranslationValidation>(
        std::move(validation), lines_of(validation_.source), lines_of(validation_.target), tokenizer,
        TranslationValidationOptions{.dtype = activation_type(options_),
                                     .num_beams = static_cast<int>(options_.valid_beam_size),
                                     .batch_tokens = options_.batch_tokens,
                                     .cancellation = options_.cancellation});
    return data;
  }

 private:
  // A side is read once where both are columns of the same files.
  PairSources open(const TextSourceOptions& texts, const TextFiles& source, const TextFiles& target, const std::string& prefix) {
    PairSources pairs{.source = open_text(source, texts, prefix + "source.text")};
    pairs.target = target == source ? pairs.source : open_text(target, texts, prefix + "target.text");
    kept_ = kept_ || pairs.source.kept() || pairs.target.kept();
    if (options_.source_column.empty()) return pairs;
    return {column_text(pairs.source, options_.source_column, "", texts), column_text(pairs.target, options_.target_column, "", texts)};
  }

  static std::string hash(const PairSources& pairs) { return fmt::format("{:016x}", TextPair(pairs.source, pairs.target).content_hash()); }

  ParallelCorpus build(const PairSources& pairs, const std::filesystem::path& cache, const Tokenizer& tokenizer, const char* what,
                       const Report& report) const {
    ParallelCorpus corpus = ParallelCorpus::build({.source = pairs.source,
                                                   .target = pairs.target,
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
  bool kept_ = false;  // before the texts, which set it
  PairSources training_, validation_;
  std::string training_hash_, validation_hash_;
};

}  // namespace

std::unique_ptr<TrainingTask> make_translation_task(const TrainOptions& options, const TextSourceOptions& texts) {
  return std::make_unique<TranslationTask>(options, texts);
}

}  // namespace qkv
