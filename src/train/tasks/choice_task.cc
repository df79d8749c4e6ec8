// Multiple choice: an encoder that scores the pair of a text and each of its choices, trained from scratch or from a pretrained encoder
// (Radford et al. 2018, section 3.3).
#include "base/error.h"
#include "base/number_text.h"
#include "data/choice_texts.h"
#include "evaluate/choices.h"
#include "train/tasks/encoder_network.h"
#include "train/tasks/training_task.h"

namespace qkv {
namespace {

class ChoiceTask final : public TrainingTask {
 public:
  ChoiceTask(const TrainOptions& options, const TextSourceOptions& texts)
      : options_(options), training_(read_choice_lines(open_text(options.train_file, texts, "train-file.text"))) {
    if (options.valid_split > 0) {
      HeldOutChoices parts = hold_out_choices(training_, options.valid_split, static_cast<uint64_t>(options.seed));
      training_ = std::move(parts.training);
      validation_ = std::move(parts.validation);
    } else {
      validation_ = read_choice_lines(open_text(options.valid_file, texts, "valid-file.text"));
    }
  }

  std::map<std::string, std::string> inputs() const override {
    return {{"training file", fmt::format("{:016x}", training_.hash())}, {"validation file", fmt::format("{:016x}", validation_.hash())}};
  }
  bool keeps_texts() const override { return training_.source.kept() || validation_.source.kept(); }

  Tokenizer train_tokenizer(const Progress& progress) const override {
    std::vector<std::string> texts = training_.texts;
    for (const std::vector<std::string>& choices : training_.choices) texts.insert(texts.end(), choices.begin(), choices.end());
    return qkv::train_tokenizer(word_piece_options(options_, progress), std::span<const std::string>(texts));
  }

  SpecialTokens special_tokens(const Tokenizer& tokenizer) const override { return {.pad = pad_token(tokenizer)}; }

  void shape(UniformConfig& config) const override {
    shape_encoder(config, Head::multiple_choice, options_, options_.max_length);
    set_head(config);
  }
  void adapt(TransformerConfig& config) const override {
    adapt_encoder(config, Head::multiple_choice, options_, options_.max_length);
    set_head(config);
  }

  TrainingData open(const Tokenizer& tokenizer, const std::filesystem::path&, const Report& report) const override {
    ChoiceTexts training = encode(training_, tokenizer, "training", report),
                validation = encode(validation_, tokenizer, "validation", report);
    TrainingData data;
    data.batches = std::make_unique<ChoiceSource>(std::move(training), options_.batch_tokens, static_cast<uint64_t>(options_.seed));
    data.validation = std::make_unique<ChoiceValidation>(std::move(validation), run_options(options_));
    return data;
  }

 private:
  template <typename Config>
  void set_head(Config& config) const {
    config.num_labels = 1;
    config.classifier_dropout = static_cast<float>(options_.dropout);
  }

  ChoiceTexts encode(const ChoiceLines& lines, const Tokenizer& tokenizer, const char* what, const Report& report) const {
    ChoiceTexts texts(lines, tokenizer, options_.max_length);
    std::string message = fmt::format("{}: {} questions, {} choices, {} tokens", what, with_commas(texts.size()),
                                      with_commas(std::ssize(texts.pairs().ids)), with_commas(texts.tokens()));
    if (texts.cut()) message += fmt::format("; {} with choices cut to {} tokens", with_commas(texts.cut()), options_.max_length);
    report(message);
    return texts;
  }

  const TrainOptions& options_;
  ChoiceLines training_, validation_;
};

}  // namespace

std::unique_ptr<TrainingTask> make_choice_task(const TrainOptions& options, const TextSourceOptions& texts) {
  return std::make_unique<ChoiceTask>(options, texts);
}

}  // namespace qkv
