// qkv::Classifier of the public API.
#include <algorithm>
#include <cmath>
#include <mutex>
#include <numeric>

#include "api/model_checks.h"
#include "base/option_error.h"
#include "evaluate/classification.h"
#include "qkv/classifier.h"

namespace qkv {
namespace {

// Sorts labels by decreasing probability, and equal ones by number.
std::vector<LabelProbability> ranked(const std::vector<double>& log_p) {
  std::vector<int32_t> order(log_p.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return log_p[a] > log_p[b]; });
  std::vector<LabelProbability> labels;
  for (const int32_t label : order) labels.push_back({label, std::exp(log_p[static_cast<size_t>(label)])});
  return labels;
}

}  // namespace

struct QKV_INTERNAL Classifier::Impl {
  ClassifierParts parts;
  std::mutex busy;  // one call at a time: each uses all threads
};

Classifier::Classifier(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Classifier::Classifier(Classifier&&) noexcept = default;
Classifier& Classifier::operator=(Classifier&&) noexcept = default;
Classifier::~Classifier() = default;

Classifier Classifier::open(const std::filesystem::path& directory, InferenceType dtype) {
  return Classifier(std::unique_ptr<Impl>(new Impl{open_classifier(directory, dtype), {}}));
}

const std::vector<std::string>& Classifier::labels() const { return impl_->parts.model->labels; }
int64_t Classifier::max_tokens() const { return impl_->parts.model->config.max_position_embeddings; }

std::vector<Classification> Classifier::classify(std::span<const std::string> texts, const ClassifyOptions& options) const {
  QKV_CHECK_OPTION(options.batch_tokens >= 1, "`batch_tokens`: {} is too small; it must be at least 1", options.batch_tokens);
  const std::lock_guard lock(impl_->busy);
  const Model& model = *impl_->parts.model;
  const ClassifierInputs inputs = encode_for_classifier(impl_->parts.tokenizer, texts, max_tokens());
  const std::vector<std::vector<double>> log_p = label_log_probabilities(
      model.network, inputs.ids,
      {.batch_tokens = options.batch_tokens, .dtype = activation_type(model), .cancellation = options.cancellation});
  std::vector<Classification> result(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) result[i] = {ranked(log_p[i]), inputs.was_cut[i]};
  return result;
}

}  // namespace qkv
