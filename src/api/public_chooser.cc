// qkv::Chooser of the public API.
#include <algorithm>
#include <mutex>

#include "api/model_checks.h"
#include "base/error.h"
#include "evaluate/classification.h"
#include "predict/option_table.h"
#include "qkv/chooser.h"

namespace qkv {

struct QKV_INTERNAL Chooser::Impl {
  ModelParts parts;
  std::mutex busy;  // one call at a time: each uses all threads
};

Chooser::Chooser(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Chooser::Chooser(Chooser&&) noexcept = default;
Chooser& Chooser::operator=(Chooser&&) noexcept = default;
Chooser::~Chooser() = default;

Chooser Chooser::open(const std::filesystem::path& directory, InferenceType dtype) {
  return Chooser(std::unique_ptr<Impl>(new Impl{open_head(directory, dtype, {Head::multiple_choice}, "scores no choices")}));
}

int64_t Chooser::max_tokens() const { return impl_->parts.model->config.max_position_embeddings; }

std::vector<ChoiceScores> Chooser::choose(std::span<const ChoiceQuestion> questions, const ChooseOptions& options) const {
  check_ranges(choose_option_table(), options);
  std::vector<std::string> texts, choices;  // a pair for each choice
  for (size_t i = 0; i < questions.size(); ++i) {
    QKV_REQUIRE(!questions[i].choices.empty(), "question {} has no choices", i + 1);
    texts.insert(texts.end(), questions[i].choices.size(), questions[i].text);
    choices.insert(choices.end(), questions[i].choices.begin(), questions[i].choices.end());
  }
  const std::lock_guard lock(impl_->busy);
  const Model& model = *impl_->parts.model;
  const EncoderInputs inputs = encode_for_classifier(impl_->parts.tokenizer, texts, choices, max_tokens());
  const std::vector<std::vector<float>> outputs = label_logits(
      model.network, inputs, {.batch_tokens = options.batch_tokens, .dtype = activation_type(model), .cancellation = options.cancellation});
  std::vector<ChoiceScores> result(questions.size());
  for (size_t i = 0, pair = 0; i < questions.size(); ++i) {
    std::vector<float> logits;
    for (size_t choice = 0; choice < questions[i].choices.size(); ++choice, ++pair) {
      logits.push_back(outputs[pair].front());
      result[i].cut = result[i].cut || inputs.cut[pair];
    }
    const std::vector<double> scores = softmax(logits);
    for (size_t choice = 0; choice < scores.size(); ++choice) result[i].choices.push_back({choice, scores[choice]});
    std::ranges::stable_sort(result[i].choices, std::greater(), &ScoredChoice::score);
  }
  return result;
}

}  // namespace qkv
