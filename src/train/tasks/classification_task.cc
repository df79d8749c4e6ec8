// Classification of texts and pairs of texts: an encoder whose first row predicts a label, several labels or a number, trained from scratch
// or from a pretrained encoder (Devlin et al. 2018), or a pretrained encoder-decoder whose last row does (Lewis et al. 2020).
#include "base/error.h"
#include "base/number_text.h"
#include "data/held_out.h"
#include "evaluate/classification.h"
#include "evaluate/labelled_batches.h"
#include "models/model_directory.h"
#include "train/tasks/encoder_network.h"
#include "train/tasks/training_task.h"

namespace qkv {
namespace {

class ClassificationTask final : public TrainingTask {
 public:
  ClassificationTask(const TrainOptions& options, const TextSourceOptions& texts)
      : options_(options), training_(read(options.train_file, texts, "train-file.text")), labels_(names_of_labels()) {
    if (!options.init.empty()) start_ = ModelDirectory(options.init).config();
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
    std::vector<std::string> texts = training_.texts;
    texts.insert(texts.end(), training_.seconds.begin(), training_.seconds.end());
    return qkv::train_tokenizer(word_piece_options(options_, progress), std::span<const std::string>(texts));
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
    data.validation = std::make_unique<ClassificationValidation>(std::move(validation), run_options(options_));
    return data;
  }

 private:
  template <typename Config>
  void set_labels(Config& config) const {
    config.num_labels = static_cast<int>(labels_.size());
    config.label_kind = options_.labels == TextLabels::one       ? LabelKind::one
                        : options_.labels == TextLabels::several ? LabelKind::several
                                                                 : LabelKind::values;
    config.classifier_dropout = static_cast<float>(options_.dropout);
  }

  LabelledLines read(const TextFiles& files, const TextSourceOptions& texts, const char* keep_as) const {
    return read_labelled_lines(open_text(files, texts, keep_as), {.text = options_.text_column,
                                                                  .label = options_.label_column,
                                                                  .second = options_.second_column,
                                                                  .pairs = options_.pairs,
                                                                  .may_lack_label = options_.labels == TextLabels::several,
                                                                  .numbers = options_.labels == TextLabels::number});
  }

  // Numbers have no names; transformers calls the output of such a model LABEL_0.
  std::vector<std::string> names_of_labels() const {
    return options_.labels == TextLabels::number ? numbered_labels(1) : label_names(training_, options_.labels == TextLabels::several);
  }

  LabelledTexts encode(const LabelledLines& lines, const Tokenizer& tokenizer, const char* what, const Report& report) const {
    const LabelRow row = start_ ? label_row(*start_) : LabelRow::first;
    LabelledTexts texts(lines, labels_, tokenizer, options_.max_length, options_.labels, row);
    if (row == LabelRow::any) texts.predict_from([this](std::span<const int32_t> ids) { return row_of_label(*start_, ids); });
    std::string message = fmt::format("{}: {} {}, {} tokens", what, with_commas(texts.size()), options_.pairs ? "pairs" : "texts",
                                      with_commas(texts.tokens()));
    if (texts.cut()) message += fmt::format("; {} cut to {} tokens", with_commas(texts.cut()), options_.max_length);
    report(message);
    return texts;
  }

  const TrainOptions& options_;
  LabelledLines training_, validation_;
  std::vector<std::string> labels_;
  std::optional<TransformerConfig> start_;  // the network of --init
};

}  // namespace

std::unique_ptr<TrainingTask> make_classification_task(const TrainOptions& options, const TextSourceOptions& texts) {
  return std::make_unique<ClassificationTask>(options, texts);
}

}  // namespace qkv
