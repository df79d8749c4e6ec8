#include "nn/multi_head_attention.h"

#include <array>

namespace qkv {

MultiHeadAttention::MultiHeadAttention(const TransformerConfig& config, AttentionKind kind, int layer, const ParameterScope& scope)
    : q_proj_(config, scope / "q_proj", config.hidden_size, config.hidden_size),
      k_proj_(config, scope / "k_proj", config.hidden_size, config.num_key_value_heads * config.head_dim()),
      v_proj_(config, scope / "v_proj", config.hidden_size, config.num_key_value_heads * config.head_dim()),
      out_proj_(config, scope / "out_proj", config.hidden_size, config.hidden_size, Linear::Into::residual),
      kind_(kind),
      layer_(layer),
      attention_dropout_(config.attention_dropout) {
  options_.num_heads = config.num_attention_heads;
  options_.num_key_value_heads = config.num_key_value_heads;
  options_.causal = kind == AttentionKind::decoder;
  options_.window = kind == AttentionKind::cross ? 0 : config.sliding_window;
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
  const Tensor q = pass.positions.turn(qkv[0], options_.num_heads), k = pass.positions.turn(qkv[1], options_.num_key_value_heads);
  return out_proj_.forward(attend(q, k, qkv[2], pass, context.dropout(attention_dropout_), context));
}

Tensor MultiHeadAttention::forward(const Tensor& x, KeyValueCache& cache, const AttentionPass& pass, ForwardContext& context) const {
  const Tensor q = pass.positions.turn(q_proj_.forward(x), options_.num_heads);
  if (kind_ != AttentionKind::cross) {
    copy_rows(pass.positions.turn(k_proj_.forward(x), options_.num_key_value_heads), cache.k, pass.first_row);
    copy_rows(v_proj_.forward(x), cache.v, pass.first_row);
  }
  return out_proj_.forward(attend(q, cache.k, cache.v, pass, {}, context));
}

Tensor MultiHeadAttention::attend(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionPass& pass,
                                  const DropoutParams& dropout, ForwardContext& context) const {
  AttentionOptions options = options_;
  options.distance_bias = pass.positions.distance_bias;
  options.dropout = dropout;
  options.save_log_sum_exp = static_cast<bool>(context.on_attention);
  const AttentionResult result = attention(q, k, v, pass.queries, pass.keys, options);
  if (context.on_attention) {
    context.on_attention({kind_, layer_, q, k, v, result.out, result.log_sum_exp, pass.queries, pass.keys, options});
  }
  return result.out;
}

}  // namespace qkv
