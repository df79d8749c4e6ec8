// Language modelling: each token of a plain text is predicted from the tokens before it.
#include <algorithm>

#include "base/error.h"
#include "base/option_error.h"
#include "models/model_directory.h"
#include "text/training/tokenizer_trainer.h"
#include "train/tasks/text_inputs.h"
#include "train/tasks/training_task.h"

namespace qkv {
namespace {

TokenizerPipeline pipeline_of(TextVocabulary vocabulary) {
  switch (vocabulary) {
    case TextVocabulary::byte: return TokenizerPipeline::bytes;
    case TextVocabulary::bpe: return TokenizerPipeline::byte_pairs;
    default: return TokenizerPipeline::characters;
  }
}

class TextTask final : public TrainingTask {
 public:
  TextTask(const TrainOptions& options, const TextSourceOptions& texts) : options_(options), texts_(options, texts) {}

  std::map<std::string, std::string> inputs() const override { return texts_.inputs(); }
  bool keeps_texts() const override { return texts_.kept; }

  Tokenizer train_tokenizer(const Progress& progress) const override {
    TokenizerTrainerOptions trainer{.pipeline = pipeline_of(options_.vocabulary),
                                    .document_separator = options_.document_separator,
                                    .progress = progress,
                                    .cancellation = options_.cancellation};
    if (options_.vocabulary == TextVocabulary::bpe) {
      trainer.vocab_size = options_.vocab_size ? options_.vocab_size : options_.vocab_size_limit;
      trainer.vocab_size_is_upper_bound = options_.vocab_size == 0;
    }
    return qkv::train_tokenizer(trainer, std::span(&texts_.training, 1));
  }

  // The end token may be missing if the text has no documents.
  SpecialTokens special_tokens(const Tokenizer& tokenizer) const override {
    const int32_t end = end_of_text_token(tokenizer);
    return {.pad = end, .eos = end, .decoder_start = std::max(end, 0)};
  }

  void shape(UniformConfig& config) const override {
    config.kind = Kind::decoder_only;
    config.encoder_layers = 0;
    config.max_position_embeddings = static_cast<int>(options_.context);
    // Scaling gives embeddings the magnitude of the sinusoids; GPT-2 and Llama do not scale.
    config.scale_embedding = options_.position == PositionKind::sinusoidal;
    config.final_logits_bias = false;
  }

  void adapt(TransformerConfig& config) const override {
    if (options_.context <= config.max_position_embeddings) return;
    fail_option(ErrorCode::bad_input, "`init` {}: the model has {} positions, fewer than `context` {}", options_.init.string(),
                config.max_position_embeddings, options_.context);
  }

  TrainingData open(const Tokenizer& tokenizer, const std::filesystem::path& cache, const Report& report) const override {
    const DocumentTokens around = around_documents(tokenizer);
    TextCorpus training = build_text_corpus(options_, texts_.training, cache / "train.tokens", tokenizer, "training", report, around);
    TextCorpus validation = build_text_corpus(options_, texts_.validation, cache / "valid.tokens", tokenizer, "validation", report, around);
    TrainingData data;
    data.batches =
        std::make_unique<WindowSource>(std::move(training), WindowOptions{.context = options_.context,
                                                                          .batch_tokens = options_.batch_tokens,
                                                                          .whole_documents = !options_.document_separator.empty(),
                                                                          .seed = static_cast<uint64_t>(options_.seed)});
    data.validation = std::make_unique<TextValidation>(std::move(validation), TextLossOptions{.context = options_.context,
                                                                                              .batch_tokens = options_.batch_tokens,
                                                                                              .dtype = activation_type(options_),
                                                                                              .cancellation = options_.cancellation});
    return data;
  }

 private:
  // Documents of a pretrained model are framed as in its training: by its end token, and by the token that its tokenizer puts first.
  DocumentTokens around_documents(const Tokenizer& tokenizer) const {
    if (options_.init.empty() || options_.document_separator.empty()) return {};
    const TransformerConfig config = ModelDirectory(options_.init).config();
    const std::vector<int32_t> template_ids = tokenizer.encode("");
    DocumentTokens around;
    if (!config.eos_token_ids.empty()) around.end = config.eos_token_ids.front();
    if (!template_ids.empty() && !config.is_eos(template_ids.front())) around.start = template_ids.front();
    return around;
  }

  const TrainOptions& options_;
  TextInputs texts_;
};

}  // namespace

std::unique_ptr<TrainingTask> make_text_task(const TrainOptions& options, const TextSourceOptions& texts) {
  return std::make_unique<TextTask>(options, texts);
}

}  // namespace qkv
