// Additive attention (Bahdanau et al. 2015, A.1.2): composed, with scores weight . tanh(q + k).
//
// Bound by the hyperbolic tangents, head size of them per score, and as many again in the backward.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention/additive_attention.cc"
#include <hwy/foreach_target.h>
//
#include "kernels/cpu/attention/attention_composed-inl.h"
#include "kernels/cpu/cpu.h"

HWY_BEFORE_NAMESPACE();
namespace qkv::cpu::HWY_NAMESPACE {

// With t = tanh(q_i + k_j): S_ij = w . t, dq_i = sum over j of dS_ij w (1 - t^2), the same over i for dk_j, dw = sum of dS_ij t.
class AdditiveScores {
 public:
  // dweight: [group][step] sums, or null in the forward.
  AdditiveScores(const HeadOfSequence& s, const HeadRows& k, const View& weights, float* dweight)
      : size(s.size), step(RoundUp(s.size, kPanel)), group(s.group), weight_of(weights), dweight_of(dweight) {
    const int64_t panels = RoundUp(s.keys, kPanel) * size;
    keys_t = scratch(Scratch::keys, panels + (s.keys + 2) * step);
    PackAll(k.data, 1, k.step, size, s.keys, keys_t);
    weight = keys_t + panels;
    query = weight + step;
    keys = query + step;
    if (dweight) CopyPadded(k.data, k.step, s.keys, keys);
  }
  void set_head(const HeadOfSequence& s) {
    CopyPadded(weight_of.row<const float>(s.head), 0, 1, weight);
    if (dweight_of) dweight_now = dweight_of + s.head % group * step;
  }

  // Keys in the lanes.
  void Values(const HeadRows& q, int64_t count, int64_t end, float* scores, int64_t width) const {
    const F32 d;
    for (int64_t i = 0; i < count; ++i) {
      const float* of = q.data + i * q.step;
      for (int64_t j = 0; j < end; j += kLanes) {
        const float* panel = keys_t + j / kPanel * kPanel * size + j % kPanel;
        Vec sum = hn::Zero(d);
        for (int64_t c = 0; c < size; ++c)
          sum = hn::MulAdd(hn::Set(d, weight[c]), hn::Tanh(d, hn::Add(hn::Set(d, of[c]), Load(panel + c * kPanel))), sum);
        Store(sum, scores + i * width + j);
      }
    }
  }

  // Columns in the lanes. Those past the head's size are zero in q, k and w: they get what is never read.
  void Gradients(const HeadRows& q, int64_t count, int64_t end, const float* dscores, int64_t width, float* dq, float* dk) {
    const F32 d;
    std::memset(dq, 0, static_cast<size_t>(count * step) * sizeof(float));
    for (int64_t i = 0; i < count; ++i) {
      CopyPadded(q.data + i * q.step, 0, 1, query);
      for (int64_t j = 0; j < end; ++j) {
        const float dscore = dscores[i * width + j];
        if (dscore == 0) continue;  // not seen
        const Vec g = hn::Set(d, dscore);
        for (int64_t c = 0; c < step; c += kLanes) {
          const Vec t = hn::Tanh(d, hn::Add(Load(query + c), Load(keys + j * step + c)));
          const Vec slope = hn::Mul(hn::Mul(g, Load(weight + c)), hn::NegMulAdd(t, t, hn::Set(d, 1.0f)));
          Store(hn::Add(Load(dq + i * step + c), slope), dq + i * step + c);
          Store(hn::Add(Load(dk + j * step + c), slope), dk + j * step + c);
          Store(hn::MulAdd(g, t, Load(dweight_now + c)), dweight_now + c);
        }
      }
    }
  }

 private:
  // Rows of the head's size as rows of `step`, zero past the size.
  void CopyPadded(const float* from, int64_t from_step, int64_t rows, float* to) const {
    for (int64_t r = 0; r < rows; ++r) {
      std::memcpy(to + r * step, from + r * from_step, static_cast<size_t>(size) * sizeof(float));
      std::fill(to + r * step + size, to + (r + 1) * step, 0.0f);
    }
  }

  int64_t size, step, group;
  const View& weight_of;
  float *dweight_of, *dweight_now = nullptr;
  float *keys_t, *weight, *query, *keys;  // panels of K^T; [step] twice; [keys][step], in the backward alone
};

void AdditiveAttention(const AdditiveAttentionParams& a) {
  const AttentionParams& p = a.attention;
  const std::vector<ForwardTask> tasks = forward_tasks(p, kTaskRows, kQueryRows);
  with_type(p.q.dtype, [&](auto* type) {
    parallel_for(static_cast<int64_t>(tasks.size()), [&](int64_t i) HWY_ATTR {
      using T = std::remove_pointer_t<decltype(type)>;
      ComposedForward<T>(p, tasks[static_cast<size_t>(i)],
                         [&](const HeadOfSequence& s, const HeadRows& k) { return AdditiveScores(s, k, a.weight, nullptr); });
    });
  });
}

void AdditiveAttentionBackward(const AdditiveAttentionBackwardParams& a) {
  const AttentionParams& p = a.attention.forward;
  const int64_t group = p.num_heads / p.num_key_value_heads, size = p.q.cols / p.num_heads, step = RoundUp(size, kPanel);
  // A row of sums per task and head, added up in the order of tasks.
  std::vector<float> sums(static_cast<size_t>(p.queries.count * p.num_heads * step));
  with_type(p.q.dtype, [&](auto* type) {
    RunComposedBackward<std::remove_pointer_t<decltype(type)>>(a.attention, [&](int64_t task, const HeadOfSequence& s, const HeadRows& k) {
      return AdditiveScores(s, k, a.weight, sums.data() + task * group * step);
    });
  });
  for (int64_t row = 0; a.dweight && row < p.queries.count * p.num_heads; ++row) {
    float* to = a.dweight.row<float>(row % p.num_heads);
    for (int64_t c = 0; c < size; ++c) to[c] += p.scale * sums[static_cast<size_t>(row * step + c)];
  }
}

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qkv::cpu {
HWY_EXPORT(AdditiveAttention);
HWY_EXPORT(AdditiveAttentionBackward);
void additive_attention(const AdditiveAttentionParams& p) { HWY_DYNAMIC_DISPATCH(AdditiveAttention)(p); }
void additive_attention_backward(const AdditiveAttentionBackwardParams& p) { HWY_DYNAMIC_DISPATCH(AdditiveAttentionBackward)(p); }
}  // namespace qkv::cpu
#endif
