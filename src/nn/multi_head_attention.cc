#include "nn/multi_head_attention.h"

namespace qkv {

MultiHeadAttention::MultiHeadAttention(const TransformerConfig& config, AttentionKind kind, int layer, const ParameterScope& scope)
    : q_proj_(scope / "q_proj", config.hidden_size, config.hidden_size),
      k_proj_(scope / "k_proj", config.hidden_size, config.num_key_value_heads * config.head_dim()),
      v_proj_(scope / "v_proj", config.hidden_size, config.num_key_value_heads * config.head_dim()),
      out_proj_(scope / "out_proj", config.hidden_size, config.hidden_size),
      kind_(kind),
      layer_(layer),
      options_{.num_heads = config.num_attention_heads,
               .num_key_value_heads = config.num_key_value_heads,
               .scale = 0,
               .causal = kind == AttentionKind::decoder,
               .dropout = {}},
      attention_dropout_(config.attention_dropout) {}

// MultiHead(Q, K, V) = Concat(head_1, ..., head_h) W_O, head_i = Attention(Q W_Q_i, K W_K_i, V W_V_i).
Tensor MultiHeadAttention::forward(const Tensor& x, const Segments& queries, const Tensor& memory, const Segments& keys,
                                   ForwardContext& context) const {
  const Tensor q = q_proj_.forward(x), k = k_proj_.forward(memory), v = v_proj_.forward(memory);
  AttentionOptions options = options_;
  options.dropout = context.dropout(attention_dropout_);
  const AttentionResult result = attention(q, k, v, queries, keys, options);
  if (context.on_attention) context.on_attention({kind_, layer_, q, k, v, result.out, result.log_sum_exp, queries, keys, options});
  return out_proj_.forward(result.out);
}

Tensor MultiHeadAttention::forward_cached(const Tensor& x, const SegmentView& queries, const Tensor& k, const Tensor& v,
                                          const SegmentView& keys) const {
  return out_proj_.forward(attention_cached(q_proj_.forward(x), k, v, queries, keys, options_));
}

}  // namespace qkv
