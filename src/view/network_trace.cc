#include "view/network_trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "view/head_trace.h"

namespace qkv {
namespace {

const char* name_of(Activation activation) {
  switch (activation) {
    case Activation::relu: return "relu";
    case Activation::gelu: return "gelu";
    case Activation::gelu_tanh: return "gelu_new";
    case Activation::silu: return "silu";
    case Activation::sigmoid: return "sigmoid";
    case Activation::tanh: return "tanh";
    default: return "";
  }
}

AttentionMatrix product_of_rows(const AttentionMatrix& a, const AttentionMatrix& b) {
  AttentionMatrix product{a.rows, b.rows, {}};
  for (int64_t i = 0; i < a.rows; ++i) {
    for (int64_t j = 0; j < b.rows; ++j) {
      double sum = 0;
      for (int64_t c = 0; c < a.cols; ++c) sum += a.at(i, c) * b.at(j, c);
      product.values.push_back(sum);
    }
  }
  return product;
}

AttentionMatrix scaled_by(AttentionMatrix matrix, double factor) {
  for (double& value : matrix.values) value *= factor;
  return matrix;
}

AttentionMatrix softmax_of(AttentionMatrix matrix) {
  for (int64_t i = 0; i < matrix.rows; ++i) {
    const auto begin = matrix.values.begin() + i * matrix.cols, end = begin + matrix.cols;
    const double largest = *std::max_element(begin, end);
    std::for_each(begin, end, [&](double& value) { value = std::exp(value - largest); });
    const double sum = std::accumulate(begin, end, 0.0);
    std::for_each(begin, end, [&](double& value) { value /= sum; });
  }
  return matrix;
}

// Keeps what the network reports, under names like "decoder.0.self_attention.weights.3".
class Recorder {
 public:
  explicit Recorder(NetworkTrace& trace) : trace_(trace) {}

  void watch(ForwardContext& context) {
    context.on_value = [this](const ValueRecord& record) {
      const char* side = record.side == Side::encoder ? "encoder" : "decoder";
      const bool of_layer = record.part != std::string_view("embedding") && record.part != std::string_view("final");
      put(of_layer ? fmt::format("{}.{}.{}.{}", side, record.layer, record.part, record.name)
                   : fmt::format("{}.{}.{}", side, record.part, record.name),
          matrix_of(record.value));
    };
    context.on_attention = [this](const AttentionRecord& record) { add_attention(record); };
  }

  // A sum that is reported twice (with and without token types) is kept as it ends.
  void put(const std::string& name, AttentionMatrix matrix) {
    constexpr int64_t kMostNumbers = 100'000'000;
    numbers_ += std::ssize(matrix.values);
    if (numbers_ > kMostNumbers) {
      fail(ErrorCode::bad_input, "a trace of this text and model holds more than {} numbers; shorten the text", kMostNumbers);
    }
    const auto same = [&](const NamedMatrix& each) { return each.name == name; };
    const auto found = std::find_if(trace_.matrices.begin(), trace_.matrices.end(), same);
    if (found != trace_.matrices.end()) trace_.matrices.erase(found);
    trace_.matrices.push_back({name, std::move(matrix)});
  }

 private:
  void add_attention(const AttentionRecord& record) {
    const std::string prefix = prefix_of(record.kind, record.layer);
    const int heads = record.options.num_heads;
    put(prefix + ".q", matrix_of(record.q));
    put(prefix + ".k", matrix_of(record.k));
    put(prefix + ".v", matrix_of(record.v));
    double scale = 1;
    for (int head = 0; head < heads; ++head) {
      HeadTrace of_head = trace_of(record, head);
      scale = of_head.scale;
      AttentionMatrix products = product_of_rows(of_head.q, of_head.k);
      put(fmt::format("{}.products.{}", prefix, head), products);
      put(fmt::format("{}.scaled.{}", prefix, head), scaled_by(std::move(products), scale));
      put(fmt::format("{}.masked.{}", prefix, head), std::move(of_head.scores));
      put(fmt::format("{}.weights.{}", prefix, head), std::move(of_head.weights));
    }
    put(prefix + ".heads", matrix_of(record.out));
    trace_.attentions.push_back({prefix, heads, record.options.num_key_value_heads, static_cast<int>(record.q.cols() / heads), scale});
  }

  NetworkTrace& trace_;
  int64_t numbers_ = 0;
};

// What the network predicts: next or hidden tokens of each row, or labels.
AttentionMatrix logits_of(const Transformer& network, const Tensor& hidden, ForwardContext& context) {
  const TransformerConfig& config = network.config();
  if (config.has_decoder()) return matrix_of(network.logits(hidden));
  if (config.head == Head::pooler || config.head == Head::none) return {};
  const bool each_row = config.head == Head::masked_lm || config.head == Head::token_classification ||
                        config.head == Head::question_answering || config.head == Head::replaced_tokens;
  std::vector<int32_t> rows(static_cast<size_t>(each_row ? hidden.rows() : 1));
  std::iota(rows.begin(), rows.end(), 0);
  const Segments one_sequence = Segments::of_lengths(std::vector<int32_t>{static_cast<int32_t>(hidden.rows())});
  return matrix_of(network.logits_of_rows(hidden, one_sequence, rows, context));
}

// The weights of a layer: "decoder.layers.0.self_attention.q_proj.weight".
void add_weights(const Model& model, TracedLayer of, NetworkTrace& trace) {
  const TransformerConfig& config = model.config;
  const Side side = of.kind == AttentionKind::encoder ? Side::encoder : Side::decoder;
  const int layers = layers_of(config, of.kind);
  const int own = config.layer_groups > 0 ? of.layer * config.layer_groups / layers : of.layer;
  const std::string prefix = fmt::format("{}.layers.{}.", side == Side::encoder ? "encoder" : "decoder", own);
  for (const Parameter& parameter : model.parameters.all()) {
    if (parameter.name.starts_with(prefix)) trace.weights.push_back({parameter.name.substr(prefix.size()), matrix_of(parameter.value)});
  }
}

void describe(const TransformerConfig& config, NetworkTrace& trace) {
  const LayerConfig& layer = config.has_decoder() ? config.decoder.front() : config.encoder.front();
  trace.kind = config.kind == Kind::encoder_decoder ? "encoder_decoder"
               : config.kind == Kind::decoder_only  ? "decoder_only"
                                                    : "encoder_only";
  trace.hidden_size = config.hidden_size;
  trace.activation = name_of(layer.feed_forward.activation);
  trace.rms_norm = layer.norm.kind == NormKind::rms;
  trace.norm_epsilon = static_cast<double>(layer.norm.epsilon);
  trace.embedding_scale = static_cast<double>(config.embedding_scale);
  trace.parallel_layers = layer.order != LayerOrder::sequential;
  trace.sinusoidal_positions = config.position_table == PositionTable::sinusoidal;
}

}  // namespace

std::string prefix_of(AttentionKind kind, int layer) {
  return fmt::format("{}.{}.{}", kind == AttentionKind::encoder ? "encoder" : "decoder", layer,
                     kind == AttentionKind::cross ? "cross_attention" : "self_attention");
}

std::vector<int64_t> largest_columns(const AttentionMatrix& matrix, int64_t row, int64_t count) {
  std::vector<int64_t> columns(static_cast<size_t>(matrix.cols));
  std::iota(columns.begin(), columns.end(), 0);
  const auto end = columns.begin() + std::min(count, matrix.cols);
  std::partial_sort(columns.begin(), end, columns.end(), [&](int64_t a, int64_t b) {
    return matrix.at(row, a) != matrix.at(row, b) ? matrix.at(row, a) > matrix.at(row, b) : a < b;
  });
  columns.erase(end, columns.end());
  return columns;
}

NetworkTrace trace_network(const Model& model, std::span<const int32_t> source, std::span<const int32_t> target_in, TracedLayer weights_of,
                           DType dtype) {
  const Transformer& network = model.network;
  const TransformerConfig& config = network.config();
  check_head(config, weights_of.kind, weights_of.layer, 0);
  NetworkTrace trace;
  Recorder recorder(trace);
  ForwardContext context;
  context.dtype = dtype;
  recorder.watch(context);
  const RecordScope no_gradient(nullptr);
  const TokenBatch source_batch = config.has_encoder() ? one_sequence(source) : TokenBatch{};
  Tensor hidden = config.has_encoder() ? network.encode(source_batch, context) : Tensor();
  if (config.has_decoder()) hidden = network.decode(one_sequence(target_in), hidden, source_batch.segments, context);
  context.on_value = nullptr;
  AttentionMatrix logits = logits_of(network, hidden, context);
  if (logits.cols > 0) {
    AttentionMatrix probabilities = softmax_of(logits);
    recorder.put("output.logits", std::move(logits));
    recorder.put("output.probabilities", std::move(probabilities));
  }
  describe(config, trace);
  add_weights(model, weights_of, trace);
  return trace;
}

}  // namespace qkv
