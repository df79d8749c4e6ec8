// Masked language modelling (Devlin et al. 2018): some tokens of a plain text are hidden and predicted from the tokens around them.
#include "base/error.h"
#include "evaluate/masked_batches.h"
#include "text/training/tokenizer_trainer.h"
#include "train/tasks/encoder_network.h"
#include "train/tasks/text_inputs.h"

namespace qkv {
namespace {

class MaskedTask final : public TrainingTask {
 public:
  MaskedTask(const TrainOptions& options, const TextSourceOptions& texts) : options_(options), texts_(options, texts) {}

  std::map<std::string, std::string> inputs() const override { return texts_.inputs(); }
  bool keeps_texts() const override { return texts_.kept; }

  Tokenizer train_tokenizer(const Progress& progress) const override {
    return qkv::train_tokenizer(word_piece_options(options_, progress), std::span(&texts_.training, 1));
  }

  SpecialTokens special_tokens(const Tokenizer& tokenizer) const override {
    const MaskingVocabulary vocabulary(tokenizer);  // throws if a special token is missing
    return {.pad = pad_token(tokenizer)};
  }

  void shape(UniformConfig& config) const override { shape_encoder(config, Head::masked_lm, options_, options_.context); }
  void adapt(TransformerConfig& config) const override { adapt_encoder(config, Head::masked_lm, options_, options_.context); }

  TrainingData open(const Tokenizer& tokenizer, const std::filesystem::path& cache, const Report& report) const override {
    TextCorpus training = build_text_corpus(options_, texts_.training, cache / "train.tokens", tokenizer, "training", report);
    TextCorpus validation = build_text_corpus(options_, texts_.validation, cache / "valid.tokens", tokenizer, "validation", report);
    const MaskingOptions masking{.probability = options_.mask_probability, .whole_words = options_.whole_words};
    TrainingData data;
    data.batches = std::make_unique<MaskedSource>(std::move(training), MaskingVocabulary(tokenizer), masking,
                                                  WindowOptions{.context = options_.context,
                                                                .batch_tokens = options_.batch_tokens,
                                                                .whole_documents = !options_.document_separator.empty(),
                                                                .seed = static_cast<uint64_t>(options_.seed)});
    data.validation = std::make_unique<MaskedValidation>(std::move(validation), tokenizer,
                                                         MaskedLossOptions{.masking = masking,
                                                                           .context = options_.context,
                                                                           .batch_tokens = options_.batch_tokens,
                                                                           .dtype = activation_type(options_),
                                                                           .cancellation = options_.cancellation});
    return data;
  }

 private:
  const TrainOptions& options_;
  TextInputs texts_;
};

}  // namespace

std::unique_ptr<TrainingTask> make_masked_task(const TrainOptions& options, const TextSourceOptions& texts) {
  return std::make_unique<MaskedTask>(options, texts);
}

}  // namespace qkv
