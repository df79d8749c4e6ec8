// Text classification: an encoder whose first row predicts a label, trained from scratch or from a pretrained encoder (Devlin et al. 2018).
#include "base/error.h"
#include "data/held_out.h"
#include "evaluate/labelled_batches.h"
#include "text/training/tokenizer_trainer.h"
#include "train/tasks/encoder_network.h"
#include "train/tasks/training_task.h"

namespace qkv {
namespace {

class ClassificationTask final : public TrainingTask {
 public:
  ClassificationTask(const TrainOptions& options, const TextSourceOptions& texts)
      : options_(options), training_(read(options.train_file, texts, "train-file.text")), labels_(label_names(training_)) {
    if (options.valid_split > 0) {
      HeldOutTexts parts = hold_out_texts(training_, options.valid_split, static_cast<uint64_t>(options.seed));
      training_ = std::move(parts.training);
      validation_ = std::move(parts.validation);
    } else {
      validation_ = read(options.valid_file, texts, "valid-file.text");
    }
  }

  std::map<std::string, std::string> inputs() const override {
    return {{"training file", fmt::format("{:016x}", training_.hash())}, {"validation file", fmt::format("{:016x}", validation_.hash())}};
  }
  bool keeps_texts() const override { return training_.source.kept() || validation_.source.kept(); }

  Tokenizer train_tokenizer(const Progress& progress) const override {
    TokenizerTrainerOptions trainer{.pipeline = TokenizerPipeline::word_pieces,
                                    .score = WordPieceScore::frequency,
                                    .progress = progress,
                                    .cancellation = options_.cancellation};
    trainer.vocab_size = options_.vocab_size ? options_.vocab_size : options_.vocab_size_limit;
    trainer.vocab_size_is_upper_bound = options_.vocab_size == 0;
    return qkv::train_tokenizer(trainer, std::span<const std::string>(training_.texts));
  }

  SpecialTokens special_tokens(const Tokenizer& tokenizer) const override { return {.pad = pad_token(tokenizer)}; }

  void shape(UniformConfig& config) const override {
    shape_encoder(config, Head::classification, options_, options_.max_length);
    set_labels(config);
  }
  void adapt(TransformerConfig& config) const override {
    adapt_encoder(config, Head::classification, options_, options_.max_length);
    set_labels(config);
  }
  std::vector<std::string> labels() const override { return labels_; }

  TrainingData open(const Tokenizer& tokenizer, const std::filesystem::path&, const Report& report) const override {
    LabelledTexts training = encode(training_, tokenizer, "training", report),
                  validation = encode(validation_, tokenizer, "validation", report);
    TrainingData data;
    data.batches = std::make_unique<LabelledSource>(std::move(training), options_.batch_tokens, static_cast<uint64_t>(options_.seed));
    data.validation =
        std::make_unique<ClassificationValidation>(std::move(validation), ClassificationOptions{.batch_tokens = options_.batch_tokens,
                                                                                                .dtype = activation_type(options_),
                                                                                                .cancellation = options_.cancellation});
    return data;
  }

 private:
  template <typename Config>
  void set_labels(Config& config) const {
    config.num_labels = static_cast<int>(labels_.size());
    config.label_kind = LabelKind::one;
    config.classifier_dropout = static_cast<float>(options_.dropout);
  }

  LabelledLines read(const TextFiles& files, const TextSourceOptions& texts, const char* keep_as) const {
    return read_labelled_lines(open_text(files, texts, keep_as), {options_.text_column, options_.label_column});
  }

  LabelledTexts encode(const LabelledLines& lines, const Tokenizer& tokenizer, const char* what, const Report& report) const {
    LabelledTexts texts(lines, labels_, tokenizer, options_.max_length);
    std::string message = fmt::format("{}: {} texts, {} tokens", what, with_commas(texts.size()), with_commas(texts.tokens()));
    if (texts.cut()) message += fmt::format("; {} cut to {} tokens", with_commas(texts.cut()), options_.max_length);
    report(message);
    return texts;
  }

  const TrainOptions& options_;
  LabelledLines training_, validation_;
  std::vector<std::string> labels_;
};

}  // namespace

std::unique_ptr<TrainingTask> make_classification_task(const TrainOptions& options, const TextSourceOptions& texts) {
  return std::make_unique<ClassificationTask>(options, texts);
}

}  // namespace qkv
