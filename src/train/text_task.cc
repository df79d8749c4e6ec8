// Language modelling: a plain text whose tokens are predicted one after another.
#include <algorithm>

#include "base/error.h"
#include "text/tokenizer_trainer.h"
#include "train/training_task.h"

namespace qkv {
namespace {

Pipeline pipeline_of(TextVocabulary vocabulary) {
  switch (vocabulary) {
    case TextVocabulary::byte: return Pipeline::bytes;
    case TextVocabulary::bpe: return Pipeline::byte_pairs;
    default: return Pipeline::characters;
  }
}

TextSplit texts_of(const TrainOptions& options) {
  if (options.valid_text.empty()) return split_text(options.text, options.valid_fraction, options.document_separator);
  return {{options.text}, {options.valid_text}};
}

class TextTask final : public TrainingTask {
 public:
  explicit TextTask(const TrainOptions& options)
      : options_(options),
        texts_(texts_of(options)),
        training_hash_(content_hash(texts_.first)),
        validation_hash_(content_hash(texts_.second)) {}

  std::map<std::string, std::string> inputs() const override {
    return {{"training text", fmt::format("{:016x}", training_hash_)}, {"validation text", fmt::format("{:016x}", validation_hash_)}};
  }

  Tokenizer train_tokenizer() const override {
    TokenizerTrainerOptions trainer{.pipeline = pipeline_of(options_.vocabulary), .document_separator = options_.document_separator};
    if (options_.vocabulary == TextVocabulary::bpe) {
      trainer.vocab_size = options_.vocab_size ? options_.vocab_size : options_.vocab_size_limit;
      trainer.vocab_size_is_upper_bound = options_.vocab_size == 0;
    }
    return qkv::train_tokenizer(trainer, std::span(&texts_.first, 1));
  }

  // A text without documents needs no end.
  SpecialTokens special_tokens(const Tokenizer& tokenizer) const override {
    const int32_t end = std::max(end_of_text_token(tokenizer), 0);
    return {.pad = end, .eos = end, .decoder_start = end};
  }

  TrainingData open(const Tokenizer& tokenizer, const std::filesystem::path& cache, const Report& report) const override {
    TextCorpus training = build(texts_.first, cache / "train.tokens", tokenizer, "training", report);
    TextCorpus validation = build(texts_.second, cache / "valid.tokens", tokenizer, "validation", report);
    TrainingData data;
    data.batches =
        std::make_unique<WindowSource>(std::move(training), WindowOptions{.context = options_.context,
                                                                          .batch_tokens = options_.batch_tokens,
                                                                          .whole_documents = !options_.document_separator.empty(),
                                                                          .seed = static_cast<uint64_t>(options_.seed)});
    data.validation = std::make_unique<TextValidation>(
        std::move(validation),
        TextLossOptions{.context = options_.context, .batch_tokens = options_.batch_tokens, .dtype = activation_type(options_)});
    return data;
  }

 private:
  TextCorpus build(const TextPart& text, const std::filesystem::path& cache, const Tokenizer& tokenizer, const char* what,
                   const Report& report) const {
    TextCorpus corpus = TextCorpus::build({.text = text, .separator = options_.document_separator, .cache = cache}, tokenizer);
    if (corpus.tokens().size() < 2)
      fail(ErrorCode::bad_input, "{}: the {} text is a single token; there is nothing to predict", text.path.string(), what);
    std::string message = fmt::format("{}: {} tokens", what, with_commas(static_cast<int64_t>(corpus.tokens().size())));
    if (!options_.document_separator.empty()) message += fmt::format(" in {} documents", with_commas(corpus.documents()));
    if (const int64_t unknown = count_unknown(corpus, tokenizer)) {
      message += fmt::format("; {} of them are characters outside of the vocabulary", with_commas(unknown));
    }
    report(message);
    return corpus;
  }

  static int64_t count_unknown(const TextCorpus& corpus, const Tokenizer& tokenizer) {
    const int32_t unknown = tokenizer.token_to_id("<unk>");
    return unknown < 0 ? 0 : std::count(corpus.tokens().begin(), corpus.tokens().end(), unknown);
  }

  const TrainOptions& options_;
  TextSplit texts_;
  uint64_t training_hash_, validation_hash_;
};

}  // namespace

std::unique_ptr<TrainingTask> make_text_task(const TrainOptions& options) { return std::make_unique<TextTask>(options); }

}  // namespace qkv
