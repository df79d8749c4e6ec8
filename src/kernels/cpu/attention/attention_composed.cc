// Attention by the formula, softmax(scale * q k^T) v: what flash is measured against, and what it must equal.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention/attention_composed.cc"
#include <hwy/foreach_target.h>
//
#include "kernels/cpu/attention/attention_composed-inl.h"
#include "kernels/cpu/cpu.h"

HWY_BEFORE_NAMESPACE();
namespace qkv::cpu::HWY_NAMESPACE {

// S = Q K^T; dQ = dS K, dK = dS^T Q.
class DotProducts {
 public:
  DotProducts(const HeadOfSequence& s, const HeadRows& k, bool backward) : size(s.size), keys(s.keys), step(RoundUp(s.size, kPanel)) {
    keys_t = scratch(Scratch::keys, RoundUp(keys, kPanel) * size + (backward ? (keys + kQueryRows) * step : 0));
    PackAll(k.data, 1, k.step, size, keys, keys_t);
    if (!backward) return;
    packed_keys = keys_t + RoundUp(keys, kPanel) * size;
    panel_of_q = packed_keys + keys * step;
    PackAll(k.data, k.step, 1, keys, size, packed_keys);
  }
  void set_head(const HeadOfSequence&) {}
  void Values(const HeadRows& q, int64_t count, int64_t end, float* scores, int64_t width) const {
    SmallGemm(q.data, q.step, 1, keys_t, size, count, end, size, scores, width, false);
  }
  void Gradients(const HeadRows& q, int64_t count, int64_t end, const float* dscores, int64_t width, float* dq, float* dk) {
    SmallGemm(dscores, width, 1, packed_keys, keys, count, size, end, dq, step, false);
    PackAll(q.data, q.step, 1, count, size, panel_of_q);
    SmallGemm(dscores, 1, width, panel_of_q, count, end, size, count, dk, step, true);
  }

 private:
  int64_t size, keys, step;
  float *keys_t, *packed_keys = nullptr, *panel_of_q = nullptr;  // panels of K^T, of K, and of a block of Q
};

void AttentionComposed(const AttentionParams& p) {
  const std::vector<ForwardTask> tasks = forward_tasks(p, kTaskRows, kQueryRows);
  with_type(p.q.dtype, [&](auto* type) {
    parallel_for(static_cast<int64_t>(tasks.size()), [&](int64_t i) HWY_ATTR {
      using T = std::remove_pointer_t<decltype(type)>;
      ComposedForward<T>(p, tasks[static_cast<size_t>(i)],
                         [](const HeadOfSequence& s, const HeadRows& k) { return DotProducts(s, k, false); });
    });
  });
}

void AttentionComposedBackward(const AttentionBackwardParams& b) {
  with_type(b.forward.q.dtype, [&](auto* type) {
    RunComposedBackward<std::remove_pointer_t<decltype(type)>>(
        b, [](int64_t, const HeadOfSequence& s, const HeadRows& k) { return DotProducts(s, k, true); });
  });
}

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qkv::cpu {
HWY_EXPORT(AttentionComposed);
HWY_EXPORT(AttentionComposedBackward);
void attention_composed(const AttentionParams& p) { HWY_DYNAMIC_DISPATCH(AttentionComposed)(p); }
void attention_composed_backward(const AttentionBackwardParams& p) { HWY_DYNAMIC_DISPATCH(AttentionComposedBackward)(p); }
}  // namespace qkv::cpu
#endif
