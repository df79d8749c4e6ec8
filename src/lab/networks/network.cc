#include "lab/networks/network.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "lab/networks/network_ops.h"
#include "nn/convolution.h"
#include "nn/recurrent.h"

namespace qkv::lab {
LayerConfig layer_of(const NetworkOptions& o) {
  LayerConfig layer;
  layer.attention.num_heads = o.heads;
  layer.attention.num_key_value_heads = o.key_value_heads > 0 ? o.key_value_heads : o.heads;
  layer.attention.head_dim = o.head_size();
  layer.attention.causal = o.causal;
  if (o.position == Position::rope) layer.attention.rope = RopeOptions{.rotary_dim = o.head_size()};
  if (o.position == Position::alibi) layer.attention.distance_bias = DistanceBias::alibi;
  if (o.position == Position::t5) layer.attention.distance_bias = DistanceBias::t5;
  layer.feed_forward = {.size = o.ffn_size, .activation = o.activation, .gated = o.gated_ffn};
  layer.norm_place = o.norm_place;
  layer.norm = {.kind = o.norm, .bias = o.norm == NormKind::layer};
  layer.dropout = o.dropout;
  return layer;
}

Initialization initialization_of(const NetworkOptions& options, int layers) {
  return {options.initializer_range, options.causal ? layers : 0};
}

namespace {

// [heads, 2 * reach + 1] of scores that fall with the squared distance from the previous token (Mixer::local): heads 1, 2, 4, … wide.
Tensor local_bias(int heads, int64_t reach) {
  std::vector<float> values;
  for (int head = 0; head < heads; ++head) {
    const float width = std::exp2(static_cast<float>(head % 6));
    for (int64_t distance = -reach; distance <= reach; ++distance) {
      const float away = static_cast<float>(distance + 1) / width;
      values.push_back(-0.5f * away * away);
    }
  }
  return Tensor::from(values, {heads, 2 * reach + 1});
}

// [heads, 2 * reach + 1] that makes the weight of a token on itself 0.
Tensor unseen_self(int heads, int64_t reach) {
  std::vector<float> values(static_cast<size_t>(heads * (2 * reach + 1)));
  for (int64_t head = 0; head < heads; ++head) values[static_cast<size_t>(head * (2 * reach + 1) + reach)] = -1e5f;
  return Tensor::from(values, {heads, 2 * reach + 1});
}

bool shares_qk(Projections projections) { return projections == Projections::tied_qk || projections == Projections::shared_qk; }

bool is_recurrent(Mixer mixer) { return mixer == Mixer::tanh_rnn || mixer == Mixer::gru || mixer == Mixer::lstm; }
RecurrentCell cell_of(Mixer mixer) {
  return mixer == Mixer::tanh_rnn ? RecurrentCell::tanh : mixer == Mixer::gru ? RecurrentCell::gru : RecurrentCell::lstm;
}

// An LSTM's forget gates start open (Jozefowicz et al. 2015, section 4): rows h to 2 h of its biases.
void open_forget_gates(ParameterStore& store, int64_t hidden) {
  for (const Parameter& parameter : store.all()) {
    if (!parameter.name.ends_with("recurrent.bias_ih_l0")) continue;
    std::fill_n(parameter.value.host<float>() + hidden, hidden, 1.0f);
    parameter.value.touch();
  }
}

// The paper's factor of embeddings.
float paper_scale(const NetworkOptions& options) {
  return options.initializer_range == 0 ? std::sqrt(static_cast<float>(options.hidden_size)) : 1;
}

PositionTable table_kind(Position position) {
  return position == Position::learned      ? PositionTable::learned
         : position == Position::sinusoidal ? PositionTable::sinusoidal
                                            : PositionTable::none;
}

// The initial deviation of embeddings.
float embedding_deviation(const NetworkOptions& options) {
  return options.embedding_deviation > 0 ? options.embedding_deviation
                                         : initialization_of(options, options.layers).embedding(options.hidden_size).deviation;
}

// The table added to the embeddings. Sines are scaled down from the paper's in the same ratio as the embeddings' deviation from the paper's
// 1 (Vaswani et al. 2017, sections 3.4 and 3.5).
Tensor position_table(const EmbeddedPositions& positions, const NetworkOptions& options) {
  const Tensor table = positions.rows(options.max_positions);
  if (options.position != Position::sinusoidal) return table;
  std::vector<float> values = table.to_vector();
  for (float& value : values) value *= embedding_deviation(options) * paper_scale(options);
  return Tensor::from(values, table.shape());
}

void grow(ParameterStore& store, const char* weight, float gain) {
  for (const Parameter& parameter : store.all()) {
    if (!parameter.name.ends_with(weight)) continue;
    std::vector<float> values = parameter.value.to_vector();
    for (float& value : values) value *= gain;
    parameter.value.copy_from(Tensor::from(values, parameter.value.shape()));
  }
}

}  // namespace

// One layer: the mixer and the feed-forward, if enabled, each in a residual with a norm.
class Layer {
 public:
  Layer(const NetworkOptions& all_layers, const Initialization& start, int index, const ParameterScope& scope)
      : options_(all_layers),
        index_(index),
        mixer_dropout_(all_layers.dropout, scope / "self_attention_dropout"),
        ffn_dropout_(all_layers.dropout, scope / "feed_forward_dropout") {
    if (!all_layers.mixers.empty()) options_.mixer = all_layers.mixers.at(static_cast<size_t>(index));
    const NetworkOptions& options = options_;
    const LayerConfig config = layer_of(options);
    const int size = options.hidden_size, query_size = config.attention.query_size(), memory_size = config.attention.key_value_size();
    const ParameterScope mixer = scope / "self_attention";
    if (options.norm_place != NormPlace::none) {
      const auto make = [&](std::optional<NetworkNorm>& norm, const char* name) {
        norm.emplace(config.norm, options.batch_norm, size, options.max_positions, scope / name);
      };
      if (options.mixer != Mixer::none) make(mixer_norm_, "self_attention_norm");
      if (options.ffn_size > 0) make(ffn_norm_, "feed_forward_norm");
    }
    if (options.ffn_size > 0) ffn_.emplace(config.feed_forward, size, start, scope / "feed_forward");
    if (options.mixer == Mixer::none) return;
    if (is_recurrent(options.mixer)) {
      recurrent_.emplace(RecurrentOptions{.cell = cell_of(options.mixer), .input_size = size, .hidden_size = size}, scope / "recurrent");
      return;
    }
    if (options.mixer == Mixer::convolution) {
      const ConvolutionLayerOptions window{
          size, size, options.width, {.dilation = options.dilated ? 1 << index : 1, .causal = options.causal}};
      linear_part_.emplace(window, scope / "convolution");
      gate_.emplace(window, scope / "gate");
      return;
    }
    if (options.mixer != Mixer::average && options.mixer != Mixer::local && options.projections != Projections::none) {
      q_.emplace(LinearOptions{size, query_size, true, start.matrix()}, mixer / "q_proj");
      if (!shares_qk(options.projections)) k_.emplace(LinearOptions{size, memory_size, true, start.matrix()}, mixer / "k_proj");
    }
    if (options.projections != Projections::tied_kv) v_.emplace(LinearOptions{size, memory_size, true, start.matrix()}, mixer / "v_proj");
    out_.emplace(LinearOptions{query_size, size, true, start.residual()}, mixer / "out_proj");
    if (options.qk_norm) {
      const NormConfig norm{.kind = NormKind::rms, .epsilon = 1e-6f, .bias = false};
      q_norm_.emplace(norm, options.head_size(), 0, mixer / "q_norm");
      k_norm_.emplace(norm, options.head_size(), 0, mixer / "k_norm");
    }
    const auto head_size = static_cast<size_t>(options.head_size());
    if (options.projections == Projections::shared_qk)
      unit_length_ = Tensor::from(std::vector<float>(head_size, 1 / std::sqrt(static_cast<float>(head_size))), {options.head_size()});
    if (options.mixer == Mixer::additive) {
      additive_ = mixer.create("score.weight", {options.heads, options.head_size()},
                               Initializer::normal(1 / std::sqrt(static_cast<float>(options.head_size()))), true);
    }
  }

  Tensor forward(const Tensor& x, const AttentionPass& pass, const Prefix& prefix, ForwardContext& context) const {
    Tensor y = x;
    if (options_.mixer != Mixer::none)
      y = residual(y, mixer_norm_, mixer_dropout_, pass.queries, context, [&](const Tensor& h) { return mix(h, pass, prefix, context); });
    if (ffn_) y = residual(y, ffn_norm_, ffn_dropout_, pass.queries, context, [&](const Tensor& h) { return ffn_->forward(h, context); });
    return y;
  }

 private:
  template <typename SubLayer>
  Tensor residual(const Tensor& x, const std::optional<NetworkNorm>& norm, const Dropout& dropped, const Segments& segments,
                  ForwardContext& context, SubLayer&& sub_layer) const {
    const bool pre = options_.norm_place == NormPlace::pre, post = options_.norm_place == NormPlace::post;
    const Tensor y = sub_layer(pre ? norm->forward(x, segments, context.training) : x);
    const DropoutParams dropout = dropped(context);
    const Tensor sum = options_.residual || dropout.probability > 0 ? dropout_add(y, options_.residual ? x : Tensor(), dropout) : y;
    return post ? norm->forward(sum, segments, context.training) : sum;
  }

  Tensor mix(const Tensor& x, const AttentionPass& pass, const Prefix& prefix, ForwardContext& context) const {
    if (recurrent_) return recurrent_->forward(x, pass.queries, context);
    if (gate_) return gated_activation(gate_->forward(x, pass.queries), linear_part_->forward(x, pass.queries), Activation::sigmoid);
    AttentionOptions options;
    options.num_heads = options_.heads;
    options.num_key_value_heads = options_.key_value_heads > 0 ? options_.key_value_heads : options_.heads;
    options.scale = options_.scale;
    options.causal = options_.causal;
    options.distance_bias = pass.positions.distance_bias;
    options.save_log_sum_exp = static_cast<bool>(context.on_attention);
    Tensor q = q_ ? q_->forward(x) : x, k = k_ ? k_->forward(x) : q;
    const Tensor v = v_ ? v_->forward(x) : k;
    if (options_.mixer == Mixer::average || options_.mixer == Mixer::local) {  // scores are 0 plus the bias
      q = k = Tensor::zeros(x.shape(), x.dtype());
      if (options_.mixer == Mixer::local) options.distance_bias = local_bias(options_.heads, std::max<int64_t>(pass.keys.longest() - 1, 1));
    }
    if (options_.qk_norm) {
      q = q_norm_->forward(q);
      k = k_norm_->forward(k);
    }
    if (options_.projections == Projections::shared_qk) {
      const int64_t size = options_.head_size();
      k = reshape(rms_norm(reshape(k, {k.numel() / size, size}), unit_length_), k.shape());
      options.distance_bias = unseen_self(options_.heads, std::max<int64_t>(pass.keys.longest() - 1, 1));
    }
    q = pass.positions.turn_queries(q, options.num_heads);
    k = pass.positions.turn_keys(k, options.num_key_value_heads);
    const Tensor mixed = attend(q, k, v, pass, options, context);
    return out_->forward(prefix.rows.empty() ? mixed : replace_rows(mixed, prefix.rows, attend_in(prefix, q, k, v, options)));
  }

  static Tensor attend_in(const Prefix& prefix, const Tensor& q, const Tensor& k, const Tensor& v, AttentionOptions options) {
    options.causal = false;
    return attention(select_rows(q, prefix.rows), select_rows(k, prefix.rows), select_rows(v, prefix.rows), prefix.segments,
                     prefix.segments, options)
        .out;
  }

  Tensor attend(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionPass& pass, const AttentionOptions& options,
                ForwardContext& context) const {
    if (options_.mixer == Mixer::linear) return linear_attention(q, k, v, pass.queries, options.num_heads, options.causal);
    if (options_.mixer == Mixer::additive) return additive_attention(q, k, v, additive_, pass.queries, pass.keys, options);
    const AttentionResult result = attention(q, k, v, pass.queries, pass.keys, options);
    if (context.on_attention) {
      const AttentionKind kind = options.causal ? AttentionKind::decoder : AttentionKind::encoder;
      context.on_attention({kind, index_, q, k, v, result.out, result.log_sum_exp, pass.queries, pass.keys, options});
    }
    return result.out;
  }

  NetworkOptions options_;
  int index_;
  Dropout mixer_dropout_, ffn_dropout_;
  std::optional<NetworkNorm> mixer_norm_, ffn_norm_;
  std::optional<Linear> q_, k_, v_, out_;
  std::optional<FeedForward> ffn_;
  std::optional<Recurrent> recurrent_;
  std::optional<Convolution> linear_part_, gate_;
  std::optional<QkNorm> q_norm_, k_norm_;
  Tensor additive_;
  Tensor unit_length_;  // the weight with which an RMS norm gives rows of length 1
};

Network::Network(const NetworkOptions& options, ParameterStore& store)
    : options_(options),
      start_(initialization_of(options, options.layers)),
      embed_tokens_(store.create("embed_tokens.weight", {options.vocab_size, options.hidden_size},
                                 Initializer::normal(embedding_deviation(options)), true)),
      output_(options.outputs == 0 ? embed_tokens_
                                   : store.create("output.weight", {options.outputs, options.hidden_size},
                                                  Initializer::normal(1 / std::sqrt(static_cast<float>(options.hidden_size))), true)),
      embedded_positions_(table_kind(options.position), options.max_positions, options.hidden_size, start_.embedding(options.hidden_size),
                          ParameterScope(store, options.causal ? "decoder" : "encoder")),
      attention_positions_(std::vector{layer_of(options)}, {}, start_.embedding(options.hidden_size),
                           ParameterScope(store, options.causal ? "decoder" : "encoder")),
      position_table_(position_table(embedded_positions_, options_)),
      embedding_dropout_(options.dropout, ParameterScope(store, "embedding_dropout")) {
  const ParameterScope scope(store, "layers");
  for (int i = 0; i < options.layers; ++i) layers_.push_back(std::make_unique<Layer>(options_, start_, i, scope / i));
  if (options.norm_place == NormPlace::pre) {
    final_norm_.emplace(layer_of(options).norm, options.batch_norm, options.hidden_size, options.max_positions,
                        ParameterScope(store, "norm"));
  }
  if (options.mixer == Mixer::lstm) open_forget_gates(store, options.hidden_size);
  if (options.qk_gain * options.query_gain != 1) grow(store, "q_proj.weight", options.qk_gain * options.query_gain);
  if (options.qk_gain != 1) grow(store, "k_proj.weight", options.qk_gain);
}

Network::~Network() = default;

Tensor Network::embed(const TokenBatch& batch, ForwardContext& context) const {
  const std::vector<int32_t> position_of = batch.segments.positions();
  return embedding(batch.ids, embed_tokens_, position_table_, position_of, options_.scale_embeddings ? paper_scale(options_) : 1,
                   context.dtype, embedding_dropout_(context));
}

Tensor Network::forward_rows(Tensor x, const Segments& segments, ForwardContext& context, std::vector<Tensor>* layer_outputs,
                             const Prefix& prefix) const {
  const AttentionPass pass{segments, segments, attention_positions_.pass(segments.positions(), segments, segments).front(), {}};
  for (const auto& layer : layers_) {
    x = layer->forward(x, pass, prefix, context);
    if (layer_outputs) layer_outputs->push_back(x);
  }
  return final_norm_ ? final_norm_->forward(x, segments, context.training) : x;
}

CrossEntropyResult Network::loss(const TokenBatch& batch, std::span<const int32_t> targets, ForwardContext& context) const {
  std::vector<int32_t> rows, wanted;
  for (size_t i = 0; i < targets.size(); ++i) {
    if (targets[i] < 0) continue;
    rows.push_back(static_cast<int32_t>(i));
    wanted.push_back(targets[i]);
  }
  Tensor hidden = forward(batch, context);
  if (rows.size() < targets.size()) hidden = select_rows(hidden, rows);
  return loss_of_rows(hidden, wanted);
}

int64_t count_parameters(const NetworkOptions& options) {
  ParameterStore store(1, false);
  const Network network(options, store);
  return store.count();
}

NetworkOptions with_parameters(NetworkOptions options, int64_t parameters) {
  NetworkOptions best = options;
  int64_t nearest = std::numeric_limits<int64_t>::max();
  for (options.hidden_size = std::lcm(4, options.heads); options.hidden_size <= 1024; options.hidden_size += std::lcm(4, options.heads)) {
    const int64_t away = std::abs(count_parameters(options) - parameters);
    if (away > nearest) break;
    nearest = away;
    best = options;
  }
  return best;
}

}  // namespace qkv::lab
