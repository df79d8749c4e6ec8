#include "view/head_trace.h"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>

#include "base/option_error.h"
#include "tensor/host_values.h"

namespace qkv {
namespace {

// Columns [first, first + cols) of a tensor.
AttentionMatrix columns_of(const Tensor& x, int64_t first, int64_t cols) {
  AttentionMatrix matrix{x.rows(), cols, {}};
  matrix.values.reserve(static_cast<size_t>(x.rows() * cols));
  std::optional<HostValues<double>> doubles;
  if (x.dtype() == DType::f64) doubles.emplace(x);
  const std::vector<float> floats = doubles ? std::vector<float>() : x.to_vector();
  for (int64_t row = 0; row < x.rows(); ++row) {
    for (int64_t col = first; col < first + cols; ++col) {
      const int64_t i = row * x.cols() + col;
      matrix.values.push_back(doubles ? (*doubles)[i] : static_cast<double>(floats[static_cast<size_t>(i)]));
    }
  }
  return matrix;
}

double dot(const AttentionMatrix& a, int64_t i, const AttentionMatrix& b, int64_t j) {
  double sum = 0;
  for (int64_t c = 0; c < a.cols; ++c) sum += a.at(i, c) * b.at(j, c);
  return sum;
}

// The terms of disentangled attention: a head's queries with the positions of keys, and the other way round.
class RelativeTerms {
 public:
  RelativeTerms(const RelativePositions& relative, int head, int64_t head_dim)
      : row_(relative.row),
        keys_(relative.keys ? columns_of(relative.keys, head * head_dim, head_dim) : AttentionMatrix{}),
        queries_(relative.queries ? columns_of(relative.queries, head * head_dim, head_dim) : AttentionMatrix{}) {}

  double at(const HeadTrace& trace, int64_t i, int64_t j, int64_t distance) const {
    if (!row_) return 0;
    const int64_t r = (*row_)[static_cast<size_t>(std::ssize(*row_) / 2 + distance)];
    return (keys_.cols > 0 ? dot(trace.q, i, keys_, r) : 0) + (queries_.cols > 0 ? dot(trace.k, j, queries_, r) : 0);
  }

 private:
  std::shared_ptr<const std::vector<int32_t>> row_;
  AttentionMatrix keys_, queries_;
};

// The inputs of softmax: scaled and soft-capped products plus the distance bias, with minus infinity for masked keys.
AttentionMatrix scores_of(const HeadTrace& trace, const AttentionOptions& options, int head) {
  const Tensor& bias = options.distance_bias;
  const AttentionMatrix biases = bias ? columns_of(bias, 0, bias.cols()) : AttentionMatrix{};
  const RelativeTerms relative(options.relative, head, trace.q.cols);
  AttentionMatrix scores{trace.q.rows, trace.k.rows, {}};
  for (int64_t i = 0; i < trace.q.rows; ++i) {
    for (int64_t j = 0; j < trace.k.rows; ++j) {
      const int64_t distance = j - (i + trace.k.rows - trace.q.rows);
      double score = trace.scale * (dot(trace.q, i, trace.k, j) + relative.at(trace, i, j, distance));
      if (options.softcap > 0) score = options.softcap * std::tanh(score / options.softcap);
      if (bias) score += biases.at(head, bias.cols() / 2 + distance);
      const bool hidden = (trace.causal && distance > 0) || (options.window > 0 && std::abs(distance) >= options.window);
      scores.values.push_back(hidden ? -std::numeric_limits<double>::infinity() : score);
    }
  }
  return scores;
}

}  // namespace

AttentionMatrix matrix_of(const Tensor& x) { return columns_of(x, 0, x.cols()); }

HeadTrace trace_of(const AttentionRecord& record, int head) {
  const AttentionOptions& options = record.options;
  const int64_t head_dim = record.q.cols() / options.num_heads;
  const int64_t key_head = head / (options.num_heads / options.num_key_value_heads);
  HeadTrace trace;
  trace.kind = record.kind;
  trace.layer = record.layer;
  trace.head = head;
  trace.causal = options.causal;
  trace.scale = options.scale != 0 ? static_cast<double>(options.scale) : 1 / std::sqrt(static_cast<double>(head_dim));
  trace.q = columns_of(record.q, head * head_dim, head_dim);
  trace.k = columns_of(record.k, key_head * head_dim, head_dim);
  trace.v = columns_of(record.v, key_head * head_dim, head_dim);
  trace.out = columns_of(record.out, head * head_dim, head_dim);
  trace.scores = scores_of(trace, options, head);
  const Tensor weights = attention_map(record.q, record.k, record.log_sum_exp, record.queries, record.keys, options, 0, head);
  trace.weights = columns_of(weights, 0, weights.cols());
  return trace;
}

TokenBatch one_sequence(std::span<const int32_t> ids) {
  const int32_t length = static_cast<int32_t>(ids.size());
  return {{ids.begin(), ids.end()}, Segments::of_lengths(std::span(&length, 1))};
}

std::vector<AttentionKind> kinds_of(const TransformerConfig& config) {
  switch (config.kind) {
    case Kind::encoder_only: return {AttentionKind::encoder};
    case Kind::decoder_only: return {AttentionKind::decoder};
    default: return {AttentionKind::encoder, AttentionKind::decoder, AttentionKind::cross};
  }
}

int layers_of(const TransformerConfig& config, AttentionKind kind) {
  if (kind == AttentionKind::cross && !config.has_encoder()) return 0;
  return static_cast<int>((kind == AttentionKind::encoder ? config.encoder : config.decoder).size());
}

int heads_of(const TransformerConfig& config, AttentionKind kind, int layer) {
  const int layers = layers_of(config, kind);
  if (layers == 0) {
    std::string possible;
    for (const AttentionKind each : kinds_of(config)) possible += (possible.empty() ? "" : ", ") + std::string(name_of(each));
    fail_option(ErrorCode::invalid_argument, "`kind` {}: the model has no such attention; possible: {}", name_of(kind), possible);
  }
  QKV_CHECK_OPTION(layer >= 0 && layer < layers, "`layer` {} does not exist; possible: 0 to {}", layer, layers - 1);
  const LayerConfig& found = (kind == AttentionKind::encoder ? config.encoder : config.decoder)[static_cast<size_t>(layer)];
  return (kind == AttentionKind::cross ? *found.cross_attention : found.attention).num_heads;
}

void check_head(const TransformerConfig& config, AttentionKind kind, int layer, int head) {
  const int heads = heads_of(config, kind, layer);
  QKV_CHECK_OPTION(head >= 0 && head < heads, "`head` {} does not exist; possible: 0 to {}", head, heads - 1);
}

HeadTrace trace_head(const Transformer& network, std::span<const int32_t> source, std::span<const int32_t> target_in, AttentionKind kind,
                     int layer, int head, DType dtype) {
  const TransformerConfig& config = network.config();
  check_head(config, kind, layer, head);
  QKV_REQUIRE((!config.has_encoder() || !source.empty()) && (kind == AttentionKind::encoder || !target_in.empty()),
              "[trace_head] a sequence without tokens");

  std::optional<AttentionRecord> found;
  ForwardContext context;
  context.dtype = dtype;
  context.on_attention = [&](const AttentionRecord& record) {
    if (record.kind == kind && record.layer == layer) found = record;
  };
  const RecordScope no_gradient(nullptr);
  const TokenBatch source_batch = config.has_encoder() ? one_sequence(source) : TokenBatch{};
  const Tensor memory = config.has_encoder() ? network.encode(source_batch, context) : Tensor();
  if (kind != AttentionKind::encoder) network.decode(one_sequence(target_in), memory, source_batch.segments, context);
  if (!found) fail(ErrorCode::internal, "[trace_head] the model did not report layer {}", layer);
  return trace_of(*found, head);
}

}  // namespace qkv
