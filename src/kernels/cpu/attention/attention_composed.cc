// Attention by the formula, softmax(scale * q k^T) v: the yardstick for flash attention, which must give the same result.
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
  DotProducts(const HeadOfSequence& s, const HeadRows& k, bool backward) : size_(s.size), keys_(s.keys), step_(round_up(s.size, kPanel)) {
    keys_t_ = scratch(Scratch::keys, round_up(keys_, kPanel) * size_ + (backward ? (keys_ + kQueryRows) * step_ : 0));
    pack_all(k.data, 1, k.step, size_, keys_, keys_t_);
    if (!backward) return;
    packed_keys_ = keys_t_ + round_up(keys_, kPanel) * size_;
    panel_of_q_ = packed_keys_ + keys_ * step_;
    pack_all(k.data, k.step, 1, keys_, size_, packed_keys_);
  }
  void set_head(const HeadOfSequence&) {}
  void score(const HeadRows& q, int64_t count, int64_t end, float* scores, int64_t width) const {
    small_gemm(q.data, q.step, 1, keys_t_, size_, count, end, size_, scores, width, false);
  }
  void differentiate(const HeadRows& q, int64_t count, int64_t end, const float* dscores, int64_t width, float* dq, float* dk) {
    small_gemm(dscores, width, 1, packed_keys_, keys_, count, size_, end, dq, step_, false);
    pack_all(q.data, q.step, 1, count, size_, panel_of_q_);
    small_gemm(dscores, 1, width, panel_of_q_, count, end, size_, count, dk, step_, true);
  }

 private:
  int64_t size_, keys_, step_;
  float *keys_t_, *packed_keys_ = nullptr, *panel_of_q_ = nullptr;  // panels of K^T, of K, and of a block of Q
};

void attention_composed(const AttentionParams& p) {
  const std::vector<ForwardTask> tasks = forward_tasks(p, kTaskRows, kQueryRows);
  with_type(p.q.dtype, [&](auto* type) {
    parallel_for(static_cast<int64_t>(tasks.size()), [&](int64_t i) HWY_ATTR {
      using T = std::remove_pointer_t<decltype(type)>;
      composed_forward<T>(p, tasks[static_cast<size_t>(i)],
                          [](const HeadOfSequence& s, const HeadRows& k) { return DotProducts(s, k, false); });
    });
  });
}

void attention_composed_backward(const AttentionBackwardParams& b) {
  with_type(b.forward.q.dtype, [&](auto* type) {
    run_composed_backward<std::remove_pointer_t<decltype(type)>>(
        b, [](int64_t, const HeadOfSequence& s, const HeadRows& k) { return DotProducts(s, k, true); });
  });
}

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qkv::cpu {
HWY_EXPORT(attention_composed);
HWY_EXPORT(attention_composed_backward);
void attention_composed(const AttentionParams& p) { HWY_DYNAMIC_DISPATCH(attention_composed)(p); }
void attention_composed_backward(const AttentionBackwardParams& p) { HWY_DYNAMIC_DISPATCH(attention_composed_backward)(p); }
}  // namespace qkv::cpu
#endif
