// What the forward and the backward of attention share: one sequence and head, packing a tile of its keys, the rules of its scores.
#if defined(QKV_ATTENTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QKV_ATTENTION_INL_H_
#undef QKV_ATTENTION_INL_H_
#else
#define QKV_ATTENTION_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>

#include <cmath>
#include <vector>

#include "kernels/cpu/attention/attention_tasks.h"
#include "kernels/cpu/matmul/gemm-inl.h"
#include "kernels/cpu/vector/scratch.h"
#include "kernels/params.h"

HWY_BEFORE_NAMESPACE();
namespace qkv::cpu::HWY_NAMESPACE {

inline constexpr int64_t kQueryRows = 48;  // rows of scores at a time: 8 tiles of the product
inline constexpr int64_t kKeyTile = 256;   // keys at a time; at a head size of 64 the panels of K and of V take 64 KiB each, in L2

// From one row of a tile's scores to the next. 1 KiB, or any multiple of it, would put a column of 48 rows into a few sets of L1.
constexpr int64_t ScoreStep(int64_t keys) { return RoundUp(keys, kPanel) + static_cast<int64_t>(kLanes); }

// Rows of scores that a task works on per packed tile, over all heads of its group: packing is then a few percent of the products.
inline constexpr int64_t kTaskRows = 8 * kQueryRows;

// Rows of one head as f32: where they lie, when they are f32 rows in a row; else a copy.
struct HeadRows {
  const float* data;
  int64_t step;  // from row to row
};

// Rows [0, count) of x (row numbers from `row_of`), columns [column, column + size), as f32 [count][size].
template <typename T, typename RowOf>
void CopyRows(const View& x, int64_t count, int64_t column, int64_t size, float* out, RowOf&& row_of) {
  for (int64_t r = 0; r < count; ++r) {
    const T* from = x.row<const T>(row_of(r)) + column;
    for (int64_t c = 0; c < size; c += kLanes) StorePart(LoadPart(from + c, size - c), out + r * size + c, size - c);
  }
}

// Keys (or values) `tile` of a sequence.
template <typename T>
HeadRows KeyRows(const AttentionParams& p, const View& x, int64_t segment, const HeadOfSequence& s, KeyRange tile) {
  const int64_t begin = p.keys.begin[segment] + tile.begin;
  if constexpr (std::is_same_v<T, float>) {
    if (!p.keys.index) return {x.row<const float>(begin) + s.key_column, x.stride};
  }
  float* copy = scratch(Scratch::rows_a, tile.size() * s.size + kLanes);
  CopyRows<T>(x, tile.size(), s.key_column, s.size, copy, [&](int64_t j) { return p.keys.index ? p.keys.index[begin + j] : begin + j; });
  return {copy, s.size};
}

// Queries [first, first + rows), or those rows of anything shaped like q, in `copy`: rows of all heads, some KiB apart, would push each
// other out of L1.
template <typename T>
HeadRows QueryRows(const View& x, const HeadOfSequence& s, int64_t first, int64_t rows, float* copy) {
  CopyRows<T>(x, rows, s.query_column, s.size, copy, [&](int64_t i) { return s.query_row + first + i; });
  return {copy, s.size};
}

HWY_INLINE float Largest(const float* row, int64_t count) {
  const F32 d;
  Vec best = hn::Set(d, -INFINITY);
  int64_t j = 0;
  for (; j + static_cast<int64_t>(kLanes) <= count; j += kLanes) best = hn::Max(best, Load(row + j));
  float largest = hn::GetLane(hn::MaxOfLanes(d, best));
  for (; j < count; ++j) largest = std::max(largest, row[j]);
  return largest;
}

// row[from, to) <- exp(scale * (row - largest) - log_sum), zero elsewhere in [0, width). Returns the sum. width: whole vectors. The largest
// is taken off first: of -1e30, scale times the largest would be rounded by more than the exponential can bear.
HWY_INLINE float Exponentials(float* row, int64_t from, int64_t to, int64_t width, float scale, float largest, float log_sum) {
  const F32 d;
  const int64_t lanes = static_cast<int64_t>(kLanes), first = from / lanes * lanes, last = std::min(width, RoundUp(to, lanes));
  constexpr float kLog2E = 1.44269504f;
  Vec sum = hn::Zero(d);
  for (int64_t j = 0; j < first; j += lanes) Store(hn::Zero(d), row + j);
  for (int64_t j = first; j < last; j += lanes) {
    const Vec exponent = hn::MulSub(hn::Sub(Load(row + j), hn::Set(d, largest)), hn::Set(d, scale * kLog2E), hn::Set(d, log_sum * kLog2E));
    Vec e = PowerOfTwo(exponent);
    if (j + lanes > to) e = hn::IfThenElseZero(hn::FirstN(d, static_cast<size_t>(to - j)), e);
    if (j < from) e = hn::IfThenZeroElse(hn::FirstN(d, static_cast<size_t>(from - j)), e);
    Store(e, row + j);
    sum = hn::Add(sum, e);
  }
  for (int64_t j = std::max(first, last); j < width; j += lanes) Store(hn::Zero(d), row + j);
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

HWY_INLINE void ScaleRow(float* row, int64_t width, float factor) {
  for (int64_t j = 0; j < width; j += kLanes) Store(hn::Mul(Load(row + j), hn::Set(F32(), factor)), row + j);
}

// Dropout of one row of weights: row[j] *= 0 or 1 / (1 - p).
HWY_INLINE void DropRow(DropoutChunk& mask, uint64_t first_element, float* row, int64_t width) {
  for (int64_t j = 0; j < width; j += DropoutChunk::kChunk) {
    const int64_t count = std::min<int64_t>(DropoutChunk::kChunk, width - j);
    mask.Prepare(first_element + j, count);
    for (int64_t i = 0; i < count; i += kLanes) Store(mask.Apply(Load(row + j + i), i), row + j + i);
  }
}

// What makes a score of q . k: times `scale`, softly capped (Gemma 2: cap * tanh(score / cap)), plus a bias of the distance. Without the
// last two the scale is left to the exponential.
struct ScoreRules {
  float scale, cap;
  const float* bias;  // of key 0 for this query; null: none

  ScoreRules(const AttentionParams& p, const HeadOfSequence& s, int64_t query)
      : scale(p.scale),
        cap(p.softcap),
        bias(p.distance_bias ? p.distance_bias.row<const float>(s.head) + p.distance_origin - s.position(query) : nullptr) {}

  bool plain() const { return cap == 0 && !bias; }
  float left_scale() const { return plain() ? scale : 1; }  // what the scores still have to be multiplied by

  // row[j] is key tile_begin + j. Where `slopes` is given it gets d score / d (scale q . k).
  HWY_INLINE void Apply(float* row, int64_t tile_begin, int64_t from, int64_t to, float* slopes) const {
    if (plain()) return;
    const F32 d;
    for (int64_t j = from / static_cast<int64_t>(kLanes) * static_cast<int64_t>(kLanes); j < to; j += kLanes) {
      Vec x = hn::Mul(Load(row + j), hn::Set(d, scale));
      if (cap != 0) {
        const Vec t = hn::Tanh(d, hn::Div(x, hn::Set(d, cap)));
        if (slopes) Store(hn::NegMulAdd(t, t, hn::Set(d, 1.0f)), slopes + j);
        x = hn::Mul(t, hn::Set(d, cap));
      }
      // Lanes outside [from, to) get any bias: they are masked afterwards. They must not be read where there is none.
      if (bias) {
        if (j >= from && j + static_cast<int64_t>(kLanes) <= to) {
          x = hn::Add(x, Load(bias + tile_begin + j));
        } else {
          HWY_ALIGN float part[kLanes] = {};
          for (int64_t i = std::max(from, j); i < std::min<int64_t>(to, j + kLanes); ++i) part[i - j] = bias[tile_begin + i];
          x = hn::Add(x, Load(part));
        }
      }
      Store(x, row + j);
    }
  }
};

// What the backward needs of a row of softmax: the largest score as it is before left_scale, and the logarithm of the sum of exponentials.
inline void SaveRow(const AttentionParams& p, const HeadOfSequence& s, int64_t query, float largest, float sum) {
  if (!p.log_sum_exp) return;
  float* saved = p.log_sum_exp.row<float>(s.query_row + query) + 2 * s.head;
  saved[0] = largest;
  saved[1] = std::log(sum);
}

// Row `query` of scores of `tile` becomes the weights of the softmax, rebuilt from what the forward saved; zero where a key is not seen.
// Returns the columns of those that are. `slopes`: see ScoreRules::Apply.
HWY_INLINE KeyRange SavedWeights(const AttentionParams& p, const HeadOfSequence& s, int64_t query, KeyRange tile, int64_t width, float* row,
                                 float* slopes) {
  const KeyRange seen = s.visible(p, query, query + 1, tile);
  if (seen.size() == 0) {
    std::memset(row, 0, static_cast<size_t>(width) * sizeof(float));
    return {0, 0};
  }
  const int64_t from = seen.begin - tile.begin, to = seen.end - tile.begin;
  const ScoreRules rules(p, s, query);
  rules.Apply(row, tile.begin, from, to, slopes);
  const float* saved = p.log_sum_exp.row<const float>(s.query_row + query) + 2 * s.head;
  Exponentials(row, from, to, width, rules.left_scale(), saved[0], saved[1]);
  return {from, to};
}

// Gradients of a row's weights become those of its scores before any rule but the scale: dS = P * (dP - D) with D = the row's sum of P * dP
// (Dao et al. 2022, B.2, eq. 4), times the cap's slope. `bias_sums`: where the biases' gradients of the tile's keys are summed, or null.
HWY_INLINE void ScoreGradients(const float* weight, float* row, KeyRange seen, int64_t width, float D, const float* slopes,
                               float* bias_sums) {
  const F32 d;
  for (int64_t j = 0; j < width; j += kLanes) {
    const Vec w = Load(weight + j);
    // Where the weight is zero the product with V may hold anything of a padded panel: zero stays zero.
    Store(hn::IfThenElseZero(hn::Gt(w, hn::Zero(d)), hn::Mul(w, hn::Sub(Load(row + j), hn::Set(d, D)))), row + j);
  }
  for (int64_t j = seen.begin; j < seen.end && bias_sums; ++j) bias_sums[j] += row[j];
  for (int64_t j = seen.begin; j < seen.end && slopes; ++j) row[j] *= slopes[j];
}

// The biases' gradient: what the tasks summed for the heads of their group, [group][columns] each, in the order of tasks.
template <typename Task>
void AddBiasSums(const AttentionBackwardParams& b, const std::vector<Task>& tasks) {
  const int64_t columns = b.d_distance_bias.cols, group = b.forward.num_heads / b.forward.num_key_value_heads;
  for (int head = 0; head < b.forward.num_heads; ++head) std::fill_n(b.d_distance_bias.row<float>(head), columns, 0.0f);
  for (const Task& task : tasks) {
    for (int64_t member = 0; member < group; ++member) {
      float* sums = b.d_distance_bias.row<float>(task.key_head * group + member);
      for (int64_t c = 0; c < columns; ++c) sums[c] += task.distance_bias[member * columns + c];
    }
  }
}

// Rows back into their tensor, row r times factor(r); added where `add`.
template <typename T, typename Factor>
HWY_INLINE void StoreRows(const float* rows, int64_t step, const View& x, int64_t first_row, int64_t count, int64_t column, int64_t size,
                          bool add, Factor&& factor) {
  for (int64_t r = 0; r < count; ++r) {
    const Vec times = hn::Set(F32(), factor(r));
    T* to = x.row<T>(first_row + r) + column;
    for (int64_t c = 0; c < size; c += kLanes) {
      Vec y = hn::Mul(times, Load(rows + r * step + c));
      if (add) y = hn::Add(y, LoadPart(to + c, size - c));
      StorePart(y, to + c, size - c);
    }
  }
}

// Rows of the output, row r times factor(r), and what rounding takes from them.
template <typename T, typename Factor>
HWY_INLINE void StoreOutput(const AttentionParams& p, const HeadOfSequence& s, const float* rows, int64_t step, int64_t first,
                            int64_t count, Factor&& factor) {
  StoreRows<T>(rows, step, p.out, s.query_row + first, count, s.query_column, s.size, false, factor);
  for (int64_t r = 0; r < count && p.out_rest; ++r) {
    const Vec times = hn::Set(F32(), factor(r));
    const T* out = p.out.row<const T>(s.query_row + first + r) + s.query_column;
    bf16* rest = p.out_rest.row<bf16>(s.query_row + first + r) + s.query_column;
    for (int64_t c = 0; c < s.size; c += kLanes)
      StorePart(hn::MulSub(times, Load(rows + r * step + c), LoadPart(out + c, s.size - c)), rest + c, s.size - c);
  }
}

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
