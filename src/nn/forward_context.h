// State of a forward pass besides its tensors: type of activations, training mode, random numbers of dropouts, and the observers of
// attention and of all other matrices.
#pragma once

#include <functional>

#include "autograd/recompute.h"
#include "nn/layer_config.h"
#include "ops/ops.h"
#include "qkv/attention_kind.h"

namespace qkv {

// The activations that a training step discards and recomputes for the gradient: less memory, more time, identical bits.
enum class Recompute : uint8_t {
  none,
  attention,  // each attention with its projections
  layer,      // each whole layer, keeping only its input
};

// One attention call: in training, teacher-forced or step by step. It is valid during the callback, but its tensors may be kept (in
// decoding k and v are the cache, to which later steps add). attention_map() computes exact maps of any of its rows.
struct AttentionRecord {
  AttentionKind kind;
  int layer;
  Tensor q, k, v;  // after projection and rotation: [tokens, heads * head_dim]
  Tensor out;      // before the output projection
  Tensor log_sum_exp;
  Segments queries, keys;
  AttentionOptions options;
};

// A matrix on its way through the network, [tokens, columns]. It is valid during the callback only: a later op may overwrite it.
struct ValueRecord {
  Side side;
  int layer;         // from 0; of "embedding" and "final" it means nothing
  const char* part;  // "embedding", "self_attention", "cross_attention", "feed_forward", "convolution" or "final"
  // embedding: "tokens" (scaled), "positions", "token_types", "sum", "norm", "projected"; final: "norm". The other parts: "norm" (before
  // the sub-layer or after the sum), "output" of the sub-layer, "output_norm" of it, "sum" with the residual, and of feed_forward "gate",
  // "inner" and "activated"; convolution: "output" behind its activation, "sum" and "norm".
  const char* name;
  const Tensor& value;
};

struct ForwardContext {
  DType dtype = DType::f32;  // type of activations (f64 on the reference device)
  bool training = false;
  uint64_t seed = 0;
  uint32_t step = 0;
  Recompute recompute = Recompute::none;
  std::function<void(const AttentionRecord&)> on_attention;
  std::function<void(const ValueRecord&)> on_value;
  Side side = Side::encoder;  // the stack that runs now, and its layer, as told to the observers
  int layer = 0;

  void show(const char* part, const char* name, const Tensor& value) const {
    if (on_value) on_value({side, layer, part, name, value});
  }

  // The parameters of a dropout in this pass; no dropout outside training.
  DropoutParams dropout(float probability, uint32_t site) const {
    if (!training || probability <= 0) return {};
    return {probability, seed, step, site};
  }
};

// Computes run(context) and recomputes it for the gradient. `run` must own what it uses. inputs: the tensors that may require a gradient.
template <typename Run>
Tensor recomputed(std::initializer_list<Tensor> inputs, ForwardContext& context, Run run) {
  ForwardContext start = context;
  start.on_attention = nullptr;
  start.on_value = nullptr;
  Tensor y;
  {
    RecordScope forgetting(nullptr);
    y = run(context);
  }
  record_recomputed(y, inputs, [run, start] {
    ForwardContext again = start;
    return run(again);
  });
  return y;
}

}  // namespace qkv
