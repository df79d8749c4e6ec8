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
TransformerConfig config_of(const NetworkOptions& o) {
  TransformerConfig config;
  config.kind = o.causal ? Kind::decoder_only : Kind::encoder_only;
  config.vocab_size = o.vocab_size;
  config.hidden_size = o.hidden_size;
  config.encoder_layers = 0;
  config.decoder_layers = o.layers;
  config.num_attention_heads = o.heads;
  config.num_key_value_heads = o.key_value_heads > 0 ? o.key_value_heads : o.heads;
  config.decoder_ffn_dim = o.ffn_size;
  config.activation = o.activation;
  config.gated_ffn = o.gated_ffn;
  config.norm_position = o.norm_place == NormPlace::post ? NormPosition::post : NormPosition::pre;
  config.norm = o.norm;
  config.position = o.position;
  config.scale_embedding = o.initializer_range == 0;
  config.max_position_embeddings = o.max_positions;
  config.initializer_range = o.initializer_range;
  config.dropout = o.dropout;
  return config;
}

namespace {

// [heads, 2 * reach + 1] of scores that fall with the square of the distance from the token before (Mixer::local): heads 1, 2, 4, … wide.
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

bool is_recurrent(Mixer mixer) { return mixer == Mixer::tanh_rnn || mixer == Mixer::gru || mixer == Mixer::lstm; }
RecurrentCell cell_of(Mixer mixer) {
  return mixer == Mixer::tanh_rnn ? RecurrentCell::tanh : mixer == Mixer::gru ? RecurrentCell::gru : RecurrentCell::lstm;
}

// An LSTM's forget gates start open (Jozefowicz et al. 2015, section 4): rows h to 2 h of its biases.
void open_forget_gates(ParameterStore& store, int64_t hidden) {
  for (const Parameter& parameter : store.all()) {
    if (!parameter.name.ends_with("recurrent.bias_ih_l0")) continue;
    std::fill_n(parameter.value.as<float>() + hidden, hidden, 1.0f);
    parameter.value.touch();
  }
}

float embedding_scale(const TransformerConfig& config) {
  return config.scale_embedding ? std::sqrt(static_cast<float>(config.hidden_size)) : 1;
}

// What is added to the embeddings. Sines are as much smaller than the paper's as the embeddings' deviation is than the paper's 1 (Vaswani
// et al. 2017, sections 3.4 and 3.5).
Tensor position_table(const Positions& positions, const NetworkOptions& options, const TransformerConfig& config) {
  const Tensor table = positions.table(options.causal, config.max_position_embeddings);
  if (options.position != Position::sinusoidal) return table;
  const float deviation = options.embedding_deviation > 0 ? options.embedding_deviation : embedding_start(config).deviation;
  std::vector<float> values = table.to_vector();
  for (float& value : values) value *= deviation * embedding_scale(config);
  return Tensor::from(values, table.shape());
}

void grow_queries_and_keys(ParameterStore& store, float gain) {
  for (const Parameter& parameter : store.all()) {
    if (!parameter.name.ends_with("q_proj.weight") && !parameter.name.ends_with("k_proj.weight")) continue;
    std::vector<float> values = parameter.value.to_vector();
    for (float& value : values) value *= gain;
    parameter.value.copy_from(Tensor::from(values, parameter.value.shape()));
  }
}

}  // namespace

// One layer: the mixer and the feed-forward, each in a residual with a norm, as far as they are wanted.
class Layer {
 public:
  Layer(const NetworkOptions& all_layers, const TransformerConfig& config, int index, const ParameterScope& scope)
      : options_(all_layers), index_(index) {
    if (!all_layers.mixers.empty()) options_.mixer = all_layers.mixers.at(static_cast<size_t>(index));
    const NetworkOptions& options = options_;
    const int size = options.hidden_size, memory_size = config.num_key_value_heads * config.head_dim();
    const ParameterScope mixer = scope / "self_attention";
    if (options.norm_place != NormPlace::none) {
      if (options.mixer != Mixer::none) mixer_norm_.emplace(config, scope / "self_attention_norm");
      if (options.ffn_size > 0) ffn_norm_.emplace(config, scope / "feed_forward_norm");
    }
    if (options.ffn_size > 0) ffn_.emplace(config, options.ffn_size, scope / "feed_forward");
    if (options.mixer == Mixer::none) return;
    if (is_recurrent(options.mixer)) {
      recurrent_.emplace(RecurrentOptions{.cell = cell_of(options.mixer), .input_size = size, .hidden_size = size}, scope / "recurrent");
      return;
    }
    if (options.mixer == Mixer::convolution) {
      const ConvolutionLayerOptions window{size, size, options.width, {.causal = options.causal}};
      linear_part_.emplace(window, scope / "convolution");
      gate_.emplace(window, scope / "gate");
      return;
    }
    if (options.mixer != Mixer::average && options.mixer != Mixer::local && options.projections != Projections::none) {
      q_.emplace(config, mixer / "q_proj", size, size);
      if (options.projections != Projections::tied_qk) k_.emplace(config, mixer / "k_proj", size, memory_size);
    }
    if (options.projections != Projections::tied_kv) v_.emplace(config, mixer / "v_proj", size, memory_size);
    out_.emplace(config, mixer / "out_proj", size, size, Linear::Into::residual);
    if (options.qk_norm) {
      q_norm_ = mixer.create("q_norm.weight", {options.head_size()}, Initializer::ones(), false);
      k_norm_ = mixer.create("k_norm.weight", {options.head_size()}, Initializer::ones(), false);
    }
    if (options.mixer == Mixer::additive) {
      additive_ = mixer.create("score.weight", {options.heads, options.head_size()},
                               Initializer::normal(1 / std::sqrt(static_cast<float>(options.head_size()))), true);
    }
  }

  Tensor forward(const Tensor& x, const AttentionPass& pass, const Prefix& prefix, ForwardContext& context) const {
    Tensor y = x;
    if (options_.mixer != Mixer::none)
      y = residual(y, mixer_norm_, context, [&](const Tensor& h) { return mix(h, pass, prefix, context); });
    if (ffn_) y = residual(y, ffn_norm_, context, [&](const Tensor& h) { return ffn_->forward(h, context); });
    return y;
  }

 private:
  template <typename SubLayer>
  Tensor residual(const Tensor& x, const std::optional<Norm>& norm, ForwardContext& context, SubLayer&& sub_layer) const {
    const bool pre = options_.norm_place == NormPlace::pre, post = options_.norm_place == NormPlace::post;
    const Tensor y = sub_layer(pre ? norm->forward(x) : x);
    const DropoutParams dropout = context.dropout(options_.dropout);
    const Tensor sum = options_.residual || dropout.probability > 0 ? dropout_add(y, options_.residual ? x : Tensor(), dropout) : y;
    return post ? norm->forward(sum) : sum;
  }

  Tensor normed(const Tensor& x, const Tensor& weight) const {
    return reshape(rms_norm(reshape(x, {x.numel() / options_.head_size(), options_.head_size()}), weight), x.shape());
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
    if (options_.mixer == Mixer::average || options_.mixer == Mixer::local) {  // scores of 0 and the bias alone
      q = k = Tensor::zeros(x.shape(), x.dtype());
      if (options_.mixer == Mixer::local) options.distance_bias = local_bias(options_.heads, std::max<int64_t>(pass.keys.longest() - 1, 1));
    }
    if (options_.qk_norm) {
      q = normed(q, q_norm_);
      k = normed(k, k_norm_);
    }
    q = pass.positions.turn(q, options.num_heads);
    k = pass.positions.turn(k, options.num_key_value_heads);
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
  std::optional<Norm> mixer_norm_, ffn_norm_;
  std::optional<Linear> q_, k_, v_, out_;
  std::optional<FeedForward> ffn_;
  std::optional<Recurrent> recurrent_;
  std::optional<Convolution> linear_part_, gate_;
  Tensor q_norm_, k_norm_, additive_;
};

Network::Network(const NetworkOptions& options, ParameterStore& store)
    : options_(options),
      config_(config_of(options)),
      embed_tokens_(store.create(
          "embed_tokens.weight", {options.vocab_size, options.hidden_size},
          options.embedding_deviation > 0 ? Initializer::normal(options.embedding_deviation) : embedding_start(config_), true)),
      output_(options.outputs == 0 ? embed_tokens_
                                   : store.create("output.weight", {options.outputs, options.hidden_size},
                                                  Initializer::normal(1 / std::sqrt(static_cast<float>(options.hidden_size))), true)),
      positions_(config_, store),
      position_table_(position_table(positions_, options_, config_)) {
  const ParameterScope scope(store, "layers");
  for (int i = 0; i < options.layers; ++i) layers_.push_back(std::make_unique<Layer>(options_, config_, i, scope / i));
  if (options.norm_place == NormPlace::pre) final_norm_.emplace(config_, ParameterScope(store, "norm"));
  if (options.mixer == Mixer::lstm) open_forget_gates(store, options.hidden_size);
  if (options.qk_gain != 1) grow_queries_and_keys(store, options.qk_gain);
}

Network::~Network() = default;

Tensor Network::embed(const TokenBatch& batch, ForwardContext& context) const {
  const std::vector<int32_t> position_of = batch.segments.positions();
  return embedding(batch.ids, embed_tokens_, position_table_, position_of, embedding_scale(config_), context.dtype,
                   context.dropout(options_.dropout));
}

Tensor Network::forward_rows(Tensor x, const Segments& segments, ForwardContext& context, std::vector<Tensor>* layer_outputs,
                             const Prefix& prefix) const {
  const AttentionPass pass{segments, segments, positions_.pass(options_.causal, segments.positions(), segments.longest())};
  for (const auto& layer : layers_) {
    x = layer->forward(x, pass, prefix, context);
    if (layer_outputs) layer_outputs->push_back(x);
  }
  return final_norm_ ? final_norm_->forward(x) : x;
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
