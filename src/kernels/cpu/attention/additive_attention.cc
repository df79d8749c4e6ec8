// Additive attention (Bahdanau et al. 2015, A.1.2) on the composed kernel, with scores weight . tanh(q + k).
//
// Bound by the hyperbolic tangents: one per score and column of the head, and as many again in the backward.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention/additive_attention.cc"
#include <hwy/foreach_target.h>
//
#include "kernels/cpu/attention/attention_composed-inl.h"
#include "kernels/cpu/cpu.h"

HWY_BEFORE_NAMESPACE();
namespace qkv::cpu::HWY_NAMESPACE {

// With t = tanh(q_i + k_j): S_ij = w . t, dq_i = sum over j of dS_ij w (1 - t^2), dk_j = its sum over i, dw = sum of dS_ij t.
class AdditiveScores {
 public:
  // dweight: [group][step] sums, or null in the forward.
  AdditiveScores(const HeadOfSequence& s, const HeadRows& k, const View& weights, float* dweight)
      : size_(s.size), step_(round_up(s.size, kPanel)), group_(s.group), weights_(weights), dweights_(dweight) {
    const int64_t panels = round_up(s.keys, kPanel) * size_;
    keys_t_ = scratch(Scratch::keys, panels + (s.keys + 2) * step_);
    pack_all(k.data, 1, k.step, size_, s.keys, keys_t_);
    weight_ = keys_t_ + panels;
    query_ = weight_ + step_;
    keys_ = query_ + step_;
    if (dweight) copy_padded(k.data, k.step, s.keys, keys_);
  }
  void set_head(const HeadOfSequence& s) {
    copy_padded(weights_.row<const float>(s.head), 0, 1, weight_);
    if (dweights_) dweight_ = dweights_ + s.head % group_ * step_;
  }

  // Vectorized over keys.
  void score(const QueryBlock& block, int64_t end, float* scores, int64_t width) const {
    const F32 d;
    for (int64_t i = 0; i < block.count; ++i) {
      const float* of = block.rows.data + i * block.rows.step;
      for (int64_t j = 0; j < end; j += kLanes) {
        const float* panel = keys_t_ + j / kPanel * kPanel * size_ + j % kPanel;
        Vec sum = hn::Zero(d);
        for (int64_t c = 0; c < size_; ++c)
          sum = hn::MulAdd(hn::Set(d, weight_[c]), hn::Tanh(d, hn::Add(hn::Set(d, of[c]), load(panel + c * kPanel))), sum);
        store(sum, scores + i * width + j);
      }
    }
  }

  // Vectorized over columns. Columns past the head size are zero in q, k and w; their results are never read.
  void differentiate(const QueryBlock& block, int64_t end, const float* dscores, int64_t width, float* dq, float* dk) {
    const F32 d;
    std::memset(dq, 0, static_cast<size_t>(block.count * step_) * sizeof(float));
    for (int64_t i = 0; i < block.count; ++i) {
      copy_padded(block.rows.data + i * block.rows.step, 0, 1, query_);
      for (int64_t j = 0; j < end; ++j) {
        const float dscore = dscores[i * width + j];
        if (dscore == 0) continue;  // masked
        const Vec g = hn::Set(d, dscore);
        for (int64_t c = 0; c < step_; c += kLanes) {
          const Vec t = hn::Tanh(d, hn::Add(load(query_ + c), load(keys_ + j * step_ + c)));
          const Vec slope = hn::Mul(hn::Mul(g, load(weight_ + c)), hn::NegMulAdd(t, t, hn::Set(d, 1.0f)));
          store(hn::Add(load(dq + i * step_ + c), slope), dq + i * step_ + c);
          store(hn::Add(load(dk + j * step_ + c), slope), dk + j * step_ + c);
          store(hn::MulAdd(g, t, load(dweight_ + c)), dweight_ + c);
        }
      }
    }
  }

  void finish(float*) const {}

 private:
  // Copies rows of the head size to rows of `step`, zero-padded.
  void copy_padded(const float* from, int64_t from_step, int64_t rows, float* to) const {
    for (int64_t r = 0; r < rows; ++r) {
      std::memcpy(to + r * step_, from + r * from_step, static_cast<size_t>(size_) * sizeof(float));
      std::fill(to + r * step_ + size_, to + (r + 1) * step_, 0.0f);
    }
  }

  int64_t size_, step_, group_;
  const View& weights_;
  float *dweights_, *dweight_ = nullptr;
  float *keys_t_, *weight_, *query_, *keys_;  // panels of K^T; [step] twice; [keys][step], only used by the backward
};

void additive_attention(const AdditiveAttentionParams& a) {
  const AttentionParams& p = a.attention;
  const std::vector<ForwardTask> tasks = forward_tasks(p, kTaskRows, kQueryRows);
  with_type(p.q.dtype, [&](auto* type) {
    parallel_for(static_cast<int64_t>(tasks.size()), [&](int64_t i) HWY_ATTR {
      using T = std::remove_pointer_t<decltype(type)>;
      composed_forward<T>(p, tasks[static_cast<size_t>(i)],
                          [&](const HeadOfSequence& s, const HeadRows& k) { return AdditiveScores(s, k, a.weight, nullptr); });
    });
  });
}

void additive_attention_backward(const AdditiveAttentionBackwardParams& a) {
  const AttentionParams& p = a.attention.forward;
  const int64_t group = p.num_heads / p.num_key_value_heads, size = p.q.cols / p.num_heads, step = round_up(size, kPanel);
  // One row of sums per task and head; they are added up in the order of tasks.
  std::vector<float> sums(static_cast<size_t>(p.queries.count * p.num_heads * step));
  with_type(p.q.dtype, [&](auto* type) {
    run_composed_backward<std::remove_pointer_t<decltype(type)>>(a.attention,
                                                                 [&](int64_t task, const HeadOfSequence& s, const HeadRows& k) {
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
HWY_EXPORT(additive_attention);
HWY_EXPORT(additive_attention_backward);
void additive_attention(const AdditiveAttentionParams& p) { HWY_DYNAMIC_DISPATCH(additive_attention)(p); }
void additive_attention_backward(const AdditiveAttentionBackwardParams& p) { HWY_DYNAMIC_DISPATCH(additive_attention_backward)(p); }
}  // namespace qkv::cpu
#endif
