#include "lab/networks/attention_maps.h"

#include <Eigen/Dense>
#include <cmath>

#include "base/error.h"

namespace qkv::lab {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Eigen::MatrixXd matrix_of(const Tensor& map) {
  QKV_CHECK(map.dtype() == DType::f32, "[attention maps] a map of {} instead of f32", name_of(map.dtype()));
  return Eigen::Map<const Matrix>(map.host<float>(), map.rows(), map.cols()).cast<double>();
}

// -sum p log p, with 0 for p = 0.
double entropy_of(const Eigen::ArrayXd& shares) { return -(shares > 0).select(shares * shares.log(), 0).sum(); }

}  // namespace

double effective_rank(const Tensor& map) {
  const Eigen::ArrayXd values = Eigen::JacobiSVD<Eigen::MatrixXd>(matrix_of(map)).singularValues().array();
  return std::exp(entropy_of(values / values.sum()));
}

double row_entropy(const Tensor& map) {
  const Eigen::MatrixXd m = matrix_of(map);
  double sum = 0;
  for (Eigen::Index i = 0; i < m.rows(); ++i) sum += entropy_of(m.row(i).transpose().array());
  return sum / static_cast<double>(m.rows());
}

double overlap(const Tensor& a, const Tensor& b) { return matrix_of(a).cwiseMin(matrix_of(b)).sum() / static_cast<double>(a.rows()); }

double diagonal_weight(const Tensor& map) { return matrix_of(map).diagonal().mean(); }

double symmetry(const Tensor& scores) {
  Eigen::MatrixXd s = matrix_of(scores);
  s.array() -= s.mean();
  // |S|^2 - |A|^2 = <s, s^T>, |S|^2 + |A|^2 = |s|^2.
  return s.cwiseProduct(s.transpose()).sum() / s.squaredNorm();
}

Tensor score_matrix(const AttentionRecord& record, int64_t segment, int head) {
  const int64_t size = record.q.cols() / record.options.num_heads;
  const int group = record.options.num_heads / record.options.num_key_value_heads;
  const auto of_head = [&](const Tensor& x, const Segments& segments, int64_t column) {
    const Tensor rows = x.row_range(segments.begin(segment), segments.length(segment));
    return matrix_of(rows).middleCols(column * size, size).eval();
  };
  const float scale = record.options.scale != 0 ? record.options.scale : 1 / std::sqrt(static_cast<float>(size));
  const Matrix scores =
      (scale * of_head(record.q, record.queries, head) * of_head(record.k, record.keys, head / group).transpose()).cast<float>();
  return Tensor::from({scores.data(), static_cast<size_t>(scores.size())}, {scores.rows(), scores.cols()});
}

void look_at_attention(const Network& network, const TokenBatch& batch, const std::function<void(const AttentionRecord&)>& look) {
  const RecordScope no_gradient(nullptr);
  ForwardContext context;
  context.on_attention = look;
  network.forward(batch, context);
}

std::vector<Tensor> maps_of(const AttentionRecord& record, int64_t segment) {
  std::vector<Tensor> maps;
  for (int head = 0; head < record.options.num_heads; ++head) {
    maps.push_back(attention_map(record.q, record.k, record.log_sum_exp, record.queries, record.keys, record.options, segment, head));
  }
  return maps;
}

}  // namespace qkv::lab
