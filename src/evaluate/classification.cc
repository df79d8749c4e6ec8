#include "evaluate/classification.h"

#include <algorithm>
#include <cmath>

#include "base/cancellation.h"

namespace qkv {
namespace {

// Appends the log-softmax of each row.
void append_log_softmax(const Tensor& logits, std::vector<std::vector<double>>& to) {
  const std::vector<float> values = logits.to_vector();
  for (int64_t r = 0; r < logits.rows(); ++r) {
    const std::span row = std::span(values).subspan(static_cast<size_t>(r * logits.cols()), static_cast<size_t>(logits.cols()));
    const double largest = *std::max_element(row.begin(), row.end());
    double sum = 0;
    for (const float x : row) sum += std::exp(x - largest);
    std::vector<double>& log_p = to.emplace_back();
    for (const float x : row) log_p.push_back(x - largest - std::log(sum));
  }
}

// Appends the log of the sigmoid of each value.
void append_log_sigmoid(const Tensor& logits, std::vector<std::vector<double>>& to) {
  const std::vector<float> values = logits.to_vector();
  for (int64_t r = 0; r < logits.rows(); ++r) {
    std::vector<double>& log_p = to.emplace_back();
    for (const float x : std::span(values).subspan(static_cast<size_t>(r * logits.cols()), static_cast<size_t>(logits.cols()))) {
      log_p.push_back(std::min(double{x}, 0.0) - std::log1p(std::exp(-std::abs(double{x}))));
    }
  }
}

}  // namespace

std::vector<std::vector<double>> label_log_probabilities(const Transformer& network, std::span<const std::vector<int32_t>> texts,
                                                         const ClassificationOptions& options) {
  const RecordScope no_gradient(nullptr);
  std::vector<std::vector<double>> result;
  for (size_t done = 0; done < texts.size();) {
    throw_if_cancelled(options.cancellation);
    TokenBatch batch;
    std::vector<int32_t> lengths, rows;
    while (done < texts.size() && (lengths.empty() || std::ssize(batch.ids) + std::ssize(texts[done]) <= options.batch_tokens)) {
      rows.push_back(static_cast<int32_t>(batch.ids.size()));
      lengths.push_back(static_cast<int32_t>(texts[done].size()));
      batch.ids.insert(batch.ids.end(), texts[done].begin(), texts[done].end());
      ++done;
    }
    batch.segments = Segments::of_lengths(lengths);
    ForwardContext context;
    context.dtype = options.dtype;
    const Tensor logits = network.logits_of_rows(network.encode(batch, context), rows, context);
    network.config().label_kind == LabelKind::several ? append_log_sigmoid(logits, result) : append_log_softmax(logits, result);
  }
  return result;
}

ClassificationScores classification_scores(const Transformer& network, const LabelledTexts& texts, const ClassificationOptions& options) {
  const auto log_p = label_log_probabilities(network, texts.all_ids(), options);
  ClassificationScores scores{.texts = texts.size()};
  for (int64_t i = 0; i < texts.size(); ++i) {
    const std::vector<double>& row = log_p[static_cast<size_t>(i)];
    scores.nll -= row[static_cast<size_t>(texts.label(i))];
    const auto right = static_cast<size_t>(texts.label(i));
    const auto predicted = static_cast<size_t>(std::max_element(row.begin(), row.end()) - row.begin());
    if (scores.confusion.empty()) scores.confusion.assign(row.size(), std::vector<int64_t>(row.size()));
    ++scores.confusion[right][predicted];
    scores.right += predicted == right;
  }
  return scores;
}

}  // namespace qkv
