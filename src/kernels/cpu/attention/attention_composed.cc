// Attention by the formula, softmax(scale * q k^T) v: the yardstick for flash attention, which must give the same result.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention/attention_composed.cc"
#include <hwy/foreach_target.h>
//
#include "kernels/cpu/attention/attention_composed-inl.h"
#include "kernels/cpu/cpu.h"

HWY_BEFORE_NAMESPACE();
namespace qkv::cpu::HWY_NAMESPACE {

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
