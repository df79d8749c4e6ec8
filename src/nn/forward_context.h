// What a forward pass carries besides its tensors: the type of activations, whether this is training, the random numbers of its
// dropouts, and who wants to look at the attention.
#pragma once

#include <functional>

#include "autograd/recompute.h"
#include "ops/ops.h"
#include "qkv/attention_kind.h"

namespace qkv {

// What a training step forgets and computes again for the gradient: less memory for more time, the same bits.
enum class Recompute : uint8_t {
  none,
  attention,  // each attention with its projections
  layer,      // all of each layer but its input
};

// One attention call as it ran, in training, teacher-forced or step by step; valid during the callback, tensors may be kept (in decoding k
// and v are the cache, which later steps add to). attention_map() makes exact maps of any of its rows.
struct AttentionRecord {
  AttentionKind kind;
  int layer;
  Tensor q, k, v;  // after projection: [tokens, heads * head_dim]
  Tensor out;      // before the output projection
  Tensor log_sum_exp;
  Segments queries, keys;
  AttentionOptions options;
};

struct ForwardContext {
  DType dtype = DType::f32;  // of activations (f64 on the reference device)
  bool training = false;
  uint64_t seed = 0;
  uint32_t step = 0;
  Recompute recompute = Recompute::none;
  std::function<void(const AttentionRecord&)> on_attention;

  // The parameters of a dropout in this pass; none outside training.
  DropoutParams dropout(float probability, uint32_t site) const {
    if (!training || probability <= 0) return {};
    return {probability, seed, step, site};
  }
};

// run(context), computed again for the gradient. `run` must own what it uses. inputs: those that may want a gradient.
template <typename Run>
Tensor recomputed(std::initializer_list<Tensor> inputs, ForwardContext& context, Run run) {
  ForwardContext start = context;
  start.on_attention = nullptr;
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
