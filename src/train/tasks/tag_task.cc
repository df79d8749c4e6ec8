// Labels of words: an encoder where the first token of each word predicts its label, trained from scratch or from a pretrained encoder
// (Devlin et al. 2018, section 5.3).
#include "base/error.h"
#include "base/number_text.h"
#include "data/tagged_words.h"
#include "evaluate/labelled_batches.h"
#include "train/tasks/encoder_network.h"
#include "train/tasks/training_task.h"

namespace qkv {
namespace {

class TagTask final : public TrainingTask {
 public:
  TagTask(const TrainOptions& options, const TextSourceOptions& texts)
      : options_(options),
        training_(read_tagged_words(open_text(options.train_file, texts, "train-file.text"))),
        labels_(label_names(training_)) {
    if (options.valid_split > 0) {
      HeldOutSentences parts = hold_out_sentences(training_, options.valid_split, static_cast<uint64_t>(options.seed));
      training_ = std::move(parts.training);
      validation_ = std::move(parts.validation);
    } else {
      validation_ = read_tagged_words(open_text(options.valid_file, texts, "valid-file.text"));
    }
  }

  std::map<std::string, std::string> inputs() const override {
    return {{"training file", fmt::format("{:016x}", training_.hash())}, {"validation file", fmt::format("{:016x}", validation_.hash())}};
  }
  bool keeps_texts() const override { return training_.source.kept() || validation_.source.kept(); }

  Tokenizer train_tokenizer(const Progress& progress) const override {
    std::vector<std::string> texts;
    for (const TaggedWords::Sentence& sentence : training_.sentences) texts.push_back(sentence.text());
    return qkv::train_tokenizer(word_piece_options(options_, progress), std::span<const std::string>(texts));
  }

  SpecialTokens special_tokens(const Tokenizer& tokenizer) const override { return {.pad = pad_token(tokenizer)}; }

  void shape(UniformConfig& config) const override {
    shape_encoder(config, Head::token_classification, options_, options_.max_length);
    set_labels(config);
  }
  void adapt(TransformerConfig& config) const override {
    adapt_encoder(config, Head::token_classification, options_, options_.max_length);
    set_labels(config);
  }
  std::vector<std::string> labels() const override { return labels_; }

  TrainingData open(const Tokenizer& tokenizer, const std::filesystem::path&, const Report& report) const override {
    LabelledTexts training = tokenize(training_, tokenizer, "training", report),
                  validation = tokenize(validation_, tokenizer, "validation", report);
    TrainingData data;
    data.batches = std::make_unique<LabelledSource>(std::move(training), options_.batch_tokens, static_cast<uint64_t>(options_.seed));
    data.validation = std::make_unique<TagValidation>(std::move(validation), labels_, run_options(options_));
    return data;
  }

 private:
  template <typename Config>
  void set_labels(Config& config) const {
    config.num_labels = static_cast<int>(labels_.size());
    config.classifier_dropout = static_cast<float>(options_.dropout);
  }

  LabelledTexts tokenize(const TaggedWords& words, const Tokenizer& tokenizer, const char* what, const Report& report) const {
    LabelledTexts texts = tokenize_tagged_words(words, labels_, tokenizer, options_.max_length);
    int64_t predicted = 0;
    for (const std::vector<int32_t>& rows : texts.rows()) predicted += std::ssize(rows);
    std::string message = fmt::format("{}: {} sentences, {} words, {} tokens", what, with_commas(texts.size()), with_commas(predicted),
                                      with_commas(texts.tokens()));
    if (texts.cut()) message += fmt::format("; {} cut to {} tokens", with_commas(texts.cut()), options_.max_length);
    report(message);
    return texts;
  }

  const TrainOptions& options_;
  TaggedWords training_, validation_;
  std::vector<std::string> labels_;
};

}  // namespace

std::unique_ptr<TrainingTask> make_tag_task(const TrainOptions& options, const TextSourceOptions& texts) {
  return std::make_unique<TagTask>(options, texts);
}

}  // namespace qkv
