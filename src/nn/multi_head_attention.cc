#include "nn/multi_head_attention.h"

#include <array>

namespace qkv {

MultiHeadAttention::MultiHeadAttention(const AttentionConfig& config, int hidden_size, const Initialization& start, AttentionKind kind,
                                       const ParameterScope& scope)
    : config_(config),
      kind_(kind),
      dropout_(config.dropout, scope / "dropout"),
      position_dropout_(config.disentangled ? config.disentangled->dropout : 0, scope / "position_dropout"),
      q_proj_({hidden_size, config.query_size(), config.q_bias, start.matrix()}, scope / "q_proj"),
      k_proj_({hidden_size, config.key_value_size(), config.k_bias, start.matrix()}, scope / "k_proj"),
      v_proj_({hidden_size, config.key_value_size(), config.v_bias, start.matrix()}, scope / "v_proj"),
      out_proj_({config.query_size(), hidden_size, config.out_bias, start.residual()}, scope / "out_proj") {
  if (config.disentangled && config.disentangled->own_projections) {
    if (config.disentangled->position_to_content)
      position_q_proj_.emplace(LinearOptions{hidden_size, config.query_size(), true, start.matrix()}, scope / "position_q_proj");
    if (config.disentangled->content_to_position)
      position_k_proj_.emplace(LinearOptions{hidden_size, config.key_value_size(), config.k_bias, start.matrix()},
                               scope / "position_k_proj");
  }
  if (!config.qk_norm) return;
  const bool together = config.qk_norm_place == QkNormPlace::projection, own = config.qk_norm_place == QkNormPlace::own_head;
  q_norm_.emplace(*config.qk_norm, together ? config.query_size() : config.head_dim, own ? config.num_heads : 0, scope / "q_norm");
  k_norm_.emplace(*config.qk_norm, together ? config.key_value_size() : config.head_dim, own ? config.num_key_value_heads : 0,
                  scope / "k_norm");
}

Tensor MultiHeadAttention::clipped(const Tensor& projected) const { return config_.clip > 0 ? clamp(projected, config_.clip) : projected; }

Tensor MultiHeadAttention::queries(const Tensor& projected, const AttentionPass& pass) const {
  const Tensor x = clipped(projected);
  const auto turn = [&](const Tensor& q) { return pass.positions.turn_queries(q, config_.num_heads); };
  if (!q_norm_) return turn(x);
  return config_.qk_norm_place == QkNormPlace::rotated_head ? q_norm_->forward(turn(x)) : turn(q_norm_->forward(x));
}

Tensor MultiHeadAttention::keys(const Tensor& projected, const AttentionPass& pass) const {
  const Tensor x = clipped(projected);
  const auto turn = [&](const Tensor& k) { return pass.positions.turn_keys(k, config_.num_key_value_heads); };
  if (!k_norm_) return turn(x);
  return config_.qk_norm_place == QkNormPlace::rotated_head ? k_norm_->forward(turn(x)) : turn(k_norm_->forward(x));
}

// MultiHead(Q, K, V) = Concat(head_1, ..., head_h) W_O, head_i = Attention(Q W_Q_i, K W_K_i, V W_V_i).
Tensor MultiHeadAttention::forward(const Tensor& x, const Tensor& memory, const AttentionPass& pass, ForwardContext& context) const {
  std::vector<Tensor> qkv;
  if (kind_ != AttentionKind::cross) {
    qkv = linears(x, std::array{q_proj_.weights(), k_proj_.weights(), v_proj_.weights()});
  } else {
    qkv = linears(memory, std::array{k_proj_.weights(), v_proj_.weights()});
    qkv.insert(qkv.begin(), q_proj_.forward(x));
  }
  const Tensor q = queries(qkv[0], pass), k = keys(qkv[1], pass);
  return out_proj_.forward(attend(q, k, clipped(qkv[2]), pass, dropout_(context), context));
}

Tensor MultiHeadAttention::forward(const Tensor& x, const KeyValueRows& kept, const AttentionPass& pass, ForwardContext& context) const {
  const Tensor q = queries(q_proj_.forward(x), pass);
  if (kind_ != AttentionKind::cross) {
    store_rows(keys(k_proj_.forward(x), pass), kept.k, pass.row_of);
    store_rows(clipped(v_proj_.forward(x)), kept.v, pass.row_of);
  }
  return out_proj_.forward(attend(q, kept.k, kept.v, pass, {}, context));
}

KeyValueRows MultiHeadAttention::project(const Tensor& memory) const {
  const Tensor k = clipped(k_proj_.forward(memory));
  return {k_norm_ ? k_norm_->forward(k) : k, clipped(v_proj_.forward(memory))};
}

RelativePositions MultiHeadAttention::relative_positions(const PassPositions& positions, const ForwardContext& context) const {
  if (!config_.disentangled) return {};
  const DropoutParams dropout = position_dropout_(context);
  const Tensor& rows = positions.relative_positions;
  const Tensor x = dropout.probability > 0 ? dropout_add(rows, {}, dropout) : rows;
  return {.keys = config_.disentangled->content_to_position ? (position_k_proj_ ? *position_k_proj_ : k_proj_).forward(x) : Tensor(),
          .queries = config_.disentangled->position_to_content ? (position_q_proj_ ? *position_q_proj_ : q_proj_).forward(x) : Tensor(),
          .row = positions.relative_row};
}

Tensor MultiHeadAttention::attend(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionPass& pass,
                                  const DropoutParams& dropout, ForwardContext& context) const {
  AttentionOptions options;
  options.num_heads = config_.num_heads;
  options.num_key_value_heads = config_.num_key_value_heads;
  options.scale = config_.scale;
  options.causal = config_.causal;
  options.window = config_.window;
  options.softcap = config_.soft_cap;
  options.distance_bias = pass.positions.distance_bias;
  options.relative = relative_positions(pass.positions, context);
  options.dropout = dropout;
  options.save_log_sum_exp = static_cast<bool>(context.on_attention);
  const AttentionResult result = attention(q, k, v, pass.queries, pass.keys, options);
  if (context.on_attention) {
    context.on_attention({kind_, context.layer, q, k, v, result.out, result.log_sum_exp, pass.queries, pass.keys, options});
  }
  return result.out;
}

}  // namespace qkv
