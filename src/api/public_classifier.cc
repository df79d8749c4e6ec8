// qkv::Classifier of the public API.
#include <algorithm>
#include <mutex>
#include <numeric>

#include "api/model_checks.h"
#include "base/error.h"
#include "evaluate/classification.h"
#include "predict/option_table.h"
#include "predict/score_function.h"
#include "qkv/classifier.h"

namespace qkv {
namespace {

// Sorts labels by decreasing score, and equal ones by number.
std::vector<LabelScore> ranked(const std::vector<double>& scores) {
  std::vector<int32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  const auto score = [&](int32_t label) { return scores[static_cast<size_t>(label)]; };
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return score(a) > score(b); });
  std::vector<LabelScore> labels;
  for (const int32_t label : order) labels.push_back({label, score(label)});
  return labels;
}

}  // namespace

struct QKV_INTERNAL Classifier::Impl {
  ModelParts parts;
  std::vector<std::string> labels;
  ScoreFunction function = ScoreFunction::softmax;
  std::mutex busy;  // one call at a time: each uses all threads

  std::vector<Classification> classify(std::span<const std::string> texts, std::span<const std::string> seconds,
                                       const ClassifyOptions& options);
};

Classifier::Classifier(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Classifier::Classifier(Classifier&&) noexcept = default;
Classifier& Classifier::operator=(Classifier&&) noexcept = default;
Classifier::~Classifier() = default;

Classifier Classifier::open(const std::filesystem::path& directory, InferenceType dtype) {
  std::unique_ptr<Impl> impl(new Impl{open_head(directory, dtype, {Head::classification, Head::next_sentence}, "labels no texts")});
  const Model& model = *impl->parts.model;
  impl->labels = model.config.head == Head::next_sentence ? std::vector<std::string>{"follows", "does not follow"} : model.labels;
  impl->function = read_score_function(directory, model.config);
  return Classifier(std::move(impl));
}

const std::vector<std::string>& Classifier::labels() const { return impl_->labels; }
int64_t Classifier::max_tokens() const { return impl_->parts.model->config.max_position_embeddings; }
bool Classifier::needs_pairs() const { return impl_->parts.model->config.head == Head::next_sentence; }
ScoreFunction Classifier::score_function() const { return impl_->function; }

std::vector<Classification> Classifier::Impl::classify(std::span<const std::string> texts, std::span<const std::string> seconds,
                                                       const ClassifyOptions& options) {
  check_ranges(classify_option_table(), options);
  const std::lock_guard lock(busy);
  const Model& model = *parts.model;
  const EncoderInputs inputs =
      encode_for_classifier(parts.tokenizer, texts, seconds, model.config.max_position_embeddings, label_row(model.config));
  const std::vector<std::vector<float>> logits = label_logits(
      model.network, inputs, {.batch_tokens = options.batch_tokens, .dtype = activation_type(model), .cancellation = options.cancellation});
  std::vector<Classification> result;
  const ScoreFunction chosen = options.scores == ScoreFunction::automatic ? function : options.scores;
  for (size_t i = 0; i < texts.size(); ++i) result.push_back({ranked(scores_of(logits[i], chosen)), inputs.cut[i]});
  return result;
}

std::vector<Classification> Classifier::classify(std::span<const std::string> texts, const ClassifyOptions& options) const {
  QKV_REQUIRE(!needs_pairs(), "the model tells whether a text follows another; it needs pairs of texts");
  return impl_->classify(texts, {}, options);
}

std::vector<Classification> Classifier::classify(std::span<const TextPair> pairs, const ClassifyOptions& options) const {
  std::vector<std::string> firsts, seconds;
  for (const TextPair& pair : pairs) {
    firsts.push_back(pair.first);
    seconds.push_back(pair.second);
  }
  return impl_->classify(firsts, seconds, options);
}

}  // namespace qkv
