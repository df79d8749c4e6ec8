// Disentangled attention (He et al. 2021, eq. 4) on the composed kernel: a query also meets the relative position of each key, and a key
// that of each query. The products with the relative rows within reach are computed first, and each score picks two of them.
//
// Bound by the products: two more rows of 2 * keys relative positions per query and per key than plain attention has, until buckets join
// them.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention/disentangled_attention.cc"
#include <hwy/foreach_target.h>
//
#include "kernels/cpu/attention/attention_composed-inl.h"
#include "kernels/cpu/cpu.h"

HWY_BEFORE_NAMESPACE();
namespace qkv::cpu::HWY_NAMESPACE {

// The relative rows [first, first + count) that a sequence of `keys` tokens meets.
struct RelativeRange {
  int64_t first, count;

  RelativeRange(const AttentionParams& p, int64_t keys) {
    const int64_t reach = std::max<int64_t>(keys - 1, 0);
    const int64_t a = p.relative_row[p.relative_origin - reach], b = p.relative_row[p.relative_origin + reach];
    first = std::min(a, b);
    count = std::max(a, b) - first + 1;
  }
};

// S_ij = q_i k_j + (Q A^T)[i][r_ij] + (K B^T)[j][r_ij] with the relative rows A of keys and B of queries. With dA[i][r] and dB[j][r] the
// sums of dS_ij over the other index where r_ij = r: dQ += dA A, dK += dB B, and the gradients of A and B are dA^T Q and dB^T K.
class DisentangledScores {
 public:
  // Sums of the gradients of A and B, [range.count][step] each; null in the forward, and for a tensor that is not given.
  struct Sums {
    float *keys = nullptr, *queries = nullptr;
  };

  template <typename T>
  DisentangledScores(const AttentionParams& p, const HeadOfSequence& s, const HeadRows& k, bool backward, const Sums& sums, T*)
      : dots_(s, k, backward),
        p_(p),
        s_(s),
        range_(p, s.keys),
        step_(round_up(s.size, kPanel)),
        wide_(round_up(range_.count, kPanel)),
        sums_(sums) {
    const int64_t panels = wide_ * s.size, products = (kQueryRows + s.keys) * wide_,
                  rows = range_.count * std::max(step_, s.size + static_cast<int64_t>(kLanes));
    float* memory = scratch(Scratch::relative_positions, 2 * panels + (backward ? 2 : 1) * products + 3 * rows);
    float* copy = memory;  // rows of A or B
    keys_t_ = copy + rows;
    queries_t_ = keys_t_ + panels;
    by_query_ = queries_t_ + panels;
    by_key_ = by_query_ + kQueryRows * wide_;
    by_query_gradient_ = by_key_ + s.keys * wide_;
    by_key_gradient_ = by_query_gradient_ + kQueryRows * wide_;
    packed_keys_ = backward ? by_key_gradient_ + s.keys * wide_ : by_key_ + s.keys * wide_;
    packed_queries_ = packed_keys_ + rows;
    if (p.relative_keys) pack<T>(p.relative_keys, copy, keys_t_, backward ? packed_keys_ : nullptr);
    if (!p.relative_queries) return;
    pack<T>(p.relative_queries, copy, queries_t_, backward ? packed_queries_ : nullptr);
    small_gemm(k.data, k.step, 1, queries_t_, s.size, s.keys, range_.count, s.size, by_key_, wide_, false);
    if (backward) std::memset(by_key_gradient_, 0, static_cast<size_t>(s.keys * wide_) * sizeof(float));
  }
  void set_head(const HeadOfSequence&) {}

  void score(const QueryBlock& block, int64_t end, float* scores, int64_t width) const {
    dots_.score(block, end, scores, width);
    if (p_.relative_keys) {
      small_gemm(block.rows.data, block.rows.step, 1, keys_t_, s_.size, block.count, range_.count, s_.size, by_query_, wide_, false);
    }
    for (int64_t i = 0; i < block.count; ++i) {
      const int32_t* row = rows_of(block.first + i);
      if (p_.relative_keys) pick(by_query_ + i * wide_, 0, row, end, scores + i * width);
      if (p_.relative_queries) pick(by_key_, static_cast<int32_t>(wide_), row, end, scores + i * width);
    }
  }

  void differentiate(const QueryBlock& block, int64_t end, const float* dscores, int64_t width, float* dq, float* dk) {
    dots_.differentiate(block, end, dscores, width, dq, dk);
    std::memset(by_query_gradient_, 0, static_cast<size_t>(block.count * wide_) * sizeof(float));
    for (int64_t i = 0; i < block.count; ++i) {
      const int32_t* row = rows_of(block.first + i);
      const float* dscore = dscores + i * width;
      float* sums = by_query_gradient_ + i * wide_ - range_.first;
      for (int64_t j = 0; j < end && p_.relative_keys; ++j) sums[row[j]] += dscore[j];
      for (int64_t j = 0; j < end && p_.relative_queries; ++j) by_key_gradient_[j * wide_ - range_.first + row[j]] += dscore[j];
    }
    if (!p_.relative_keys) return;
    small_gemm(by_query_gradient_, wide_, 1, packed_keys_, range_.count, block.count, s_.size, range_.count, dq, step_, true);
    small_gemm(by_query_gradient_, 1, wide_, dots_.panel_of_queries(), block.count, range_.count, s_.size, block.count, sums_.keys, step_,
               true);
  }

  void finish(float* dk) const {
    if (!p_.relative_queries) return;
    small_gemm(by_key_gradient_, wide_, 1, packed_queries_, range_.count, s_.keys, s_.size, range_.count, dk, step_, true);
    small_gemm(by_key_gradient_, 1, wide_, dots_.packed_keys(), s_.keys, range_.count, s_.size, s_.keys, sums_.queries, step_, true);
  }

 private:
  // This head's rows in range: as panels of their transpose, and as panels of themselves if wanted.
  template <typename T>
  void pack(const View& relative, float* copy, float* transposed, float* plain) const {
    copy_rows<T>(relative, range_.count, s_.query_column, s_.size, copy, [&](int64_t r) { return range_.first + r; });
    pack_all(copy, 1, s_.size, s_.size, range_.count, transposed);
    if (plain) pack_all(copy, s_.size, 1, range_.count, s_.size, plain);
  }
  // The relative rows of a query and keys 0, 1, ….
  const int32_t* rows_of(int64_t query) const { return p_.relative_row + p_.relative_origin - s_.position(query); }

  // row[j] += products[j * step][rows[j] - range_.first] for keys [0, end).
  HWY_INLINE void pick(const float* products, int32_t step, const int32_t* rows, int64_t end, float* row) const {
    const F32 d;
    const hn::RebindToSigned<F32> di;
    const auto first = static_cast<int32_t>(range_.first);
    int64_t j = 0;
    for (; j + static_cast<int64_t>(kLanes) <= end; j += kLanes) {
      const auto steps = hn::Mul(hn::Iota(di, static_cast<int32_t>(j)), hn::Set(di, step));
      const auto index = hn::Add(steps, hn::Sub(hn::LoadU(di, rows + j), hn::Set(di, first)));
      store(hn::Add(load(row + j), hn::GatherIndex(d, products, index)), row + j);
    }
    for (; j < end; ++j) row[j] += products[j * step + rows[j] - first];
  }

  DotProducts dots_;
  const AttentionParams& p_;
  const HeadOfSequence s_;
  RelativeRange range_;
  int64_t step_, wide_;  // head size and relative rows in whole panels
  Sums sums_;
  float *keys_t_, *queries_t_;                   // panels of A^T and of B^T
  float *by_query_, *by_key_;                    // Q A^T of a block and K B^T: [kQueryRows][wide], [keys][wide]
  float *by_query_gradient_, *by_key_gradient_;  // dA and dB
  float *packed_keys_, *packed_queries_;         // panels of A and of B
};

void attention_disentangled(const AttentionParams& p) {
  const std::vector<ForwardTask> tasks = forward_tasks(p, kTaskRows, kQueryRows);
  with_type(p.q.dtype, [&](auto* type) {
    parallel_for(static_cast<int64_t>(tasks.size()), [&](int64_t i) HWY_ATTR {
      using T = std::remove_pointer_t<decltype(type)>;
      composed_forward<T>(p, tasks[static_cast<size_t>(i)],
                          [&](const HeadOfSequence& s, const HeadRows& k) { return DisentangledScores(p, s, k, false, {}, type); });
    });
  });
}

// Adds up the sums of all sequences, in their order, for each head. sums_of(segment, head) is null where there are none.
template <typename T, typename SumsOf>
void store_relative_gradient(const AttentionParams& p, const View& gradient, const SumsOf& sums_of) {
  if (!gradient) return;
  const int64_t size = p.q.cols / p.num_heads, step = round_up(size, kPanel);
  parallel_for(p.num_heads, [&](int64_t head) HWY_ATTR {
    std::vector<float> total(static_cast<size_t>(gradient.rows * step));
    for (int64_t segment = 0; segment < p.queries.count; ++segment) {
      const RelativeRange range(p, p.keys.length[segment]);
      const float* sums = sums_of(segment, head);
      for (int64_t i = 0; i < range.count * step; ++i) total[static_cast<size_t>(range.first * step + i)] += sums[i];
    }
    store_rows<T>(total.data(), step, gradient, 0, gradient.rows, head * size, size, false, [&](int64_t) { return p.scale; });
  });
}

void attention_disentangled_backward(const AttentionBackwardParams& b) {
  const AttentionParams& p = b.forward;
  const int64_t step = round_up(p.q.cols / p.num_heads, kPanel);
  std::vector<int64_t> begin{0};  // of each sequence's sums of one head
  for (int64_t segment = 0; segment < p.queries.count; ++segment)
    begin.push_back(begin.back() + RelativeRange(p, p.keys.length[segment]).count * step);
  const auto place = [&](int64_t segment, int64_t head) {
    return static_cast<size_t>(head * begin.back() + begin[static_cast<size_t>(segment)]);
  };
  const size_t floats = static_cast<size_t>(begin.back() * p.num_heads);
  std::vector<float> of_keys(p.relative_keys ? floats : 0), of_queries(p.relative_queries ? floats : 0);
  with_type(p.q.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    run_composed_backward<T>(b, [&](int64_t task, const HeadOfSequence& s, const HeadRows& k) {
      const size_t at = place(task / p.num_heads, s.head);
      return DisentangledScores(p, s, k, true, {of_keys.data() + at, of_queries.data() + at}, type);
    });
    store_relative_gradient<T>(p, b.d_relative_keys, [&](int64_t i, int64_t head) { return of_keys.data() + place(i, head); });
    store_relative_gradient<T>(p, b.d_relative_queries, [&](int64_t i, int64_t head) { return of_queries.data() + place(i, head); });
  });
}

void attention_disentangled_map(const AttentionMapParams& m) {
  const AttentionParams& p = m.forward;
  const HeadOfSequence s(p, m.segment, m.head);
  with_type(p.q.dtype, [&](auto* type) HWY_ATTR {
    using T = std::remove_pointer_t<decltype(type)>;
    const KeyRange all{0, s.keys};
    const int64_t width = round_up(s.keys, kPanel);
    const DisentangledScores scores(p, s, key_rows<T>(p, p.k, m.segment, s, all), false, {}, type);
    float *q = scratch(Scratch::queries, s.size + kLanes), *row = scratch(Scratch::scores, width);
    for (int64_t i = 0; i < m.weights.rows; ++i) {
      const int64_t query = m.first_query + i;
      scores.score({query_rows<T>(p.q, s, query, 1, q), query, 1}, s.keys, row, width);
      rebuild_weights(p, s, query, all, width, row, nullptr);
      std::memcpy(m.weights.row<float>(i), row, static_cast<size_t>(s.keys) * sizeof(float));
    }
  });
}

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qkv::cpu {
HWY_EXPORT(attention_disentangled);
HWY_EXPORT(attention_disentangled_backward);
HWY_EXPORT(attention_disentangled_map);
void attention_disentangled(const AttentionParams& p) { HWY_DYNAMIC_DISPATCH(attention_disentangled)(p); }
void attention_disentangled_backward(const AttentionBackwardParams& p) { HWY_DYNAMIC_DISPATCH(attention_disentangled_backward)(p); }
void attention_disentangled_map(const AttentionMapParams& p) { HWY_DYNAMIC_DISPATCH(attention_disentangled_map)(p); }
}  // namespace qkv::cpu
#endif
