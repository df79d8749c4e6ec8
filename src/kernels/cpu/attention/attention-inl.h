// Shared by the forward and the backward of f32 attention: rows of one head, the softmax of a row, and the score rules.
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
inline constexpr int64_t kKeyTile = 256;   // keys per tile; at a head size of 64 the panels of K and of V take 64 KiB each, in L2

// Row stride of a tile's scores. With 1 KiB or a multiple of it, a column of 48 rows would fall into a few sets of L1.
constexpr int64_t padded_score_step(int64_t keys) { return round_up(keys, kPanel) + static_cast<int64_t>(kLanes); }

// Rows of scores per packed tile and task, over all heads of its group. With so many, packing takes a few percent of the products' time.
inline constexpr int64_t kTaskRows = 8 * kQueryRows;

// Rows of one head as f32: in place if they already are f32 rows, otherwise a copy.
struct HeadRows {
  const float* data;
  int64_t step;  // from row to row
};

// Copies columns [column, column + size) of `count` rows of x (row numbers from `row_of`) to f32 [count][size].
template <typename T, typename RowOf>
void copy_rows(const View& x, int64_t count, int64_t column, int64_t size, float* out, RowOf&& row_of) {
  for (int64_t r = 0; r < count; ++r) {
    const T* from = x.row<const T>(row_of(r)) + column;
    for (int64_t c = 0; c < size; c += kLanes) store_part(load_part(from + c, size - c), out + r * size + c, size - c);
  }
}

// The keys (or values) of a tile.
template <typename T>
HeadRows key_rows(const AttentionParams& p, const View& x, int64_t segment, const HeadOfSequence& s, KeyRange tile) {
  const int64_t begin = p.keys.begin[segment] + tile.begin;
  if constexpr (std::is_same_v<T, float>) {
    if (!p.keys.index) return {x.row<const float>(begin) + s.key_column, x.stride};
  }
  float* copy = scratch(Scratch::rows_a, tile.size() * s.size + kLanes);
  copy_rows<T>(x, tile.size(), s.key_column, s.size, copy, [&](int64_t j) { return p.keys.index ? p.keys.index[begin + j] : begin + j; });
  return {copy, s.size};
}

// Copies queries [first, first + rows), or those rows of a tensor shaped like q, to `copy`. In place, rows of all heads lie some KiB apart
// and would evict each other from L1.
template <typename T>
HeadRows query_rows(const View& x, const HeadOfSequence& s, int64_t first, int64_t rows, float* copy) {
  copy_rows<T>(x, rows, s.query_column, s.size, copy, [&](int64_t i) { return s.query_row + first + i; });
  return {copy, s.size};
}

HWY_INLINE float largest_of(const float* row, int64_t count) {
  const F32 d;
  Vec best = hn::Set(d, -INFINITY);
  int64_t j = 0;
  for (; j + static_cast<int64_t>(kLanes) <= count; j += kLanes) best = hn::Max(best, load(row + j));
  float largest = hn::GetLane(hn::MaxOfLanes(d, best));
  for (; j < count; ++j) largest = std::max(largest, row[j]);
  return largest;
}

// row[from, to) <- exp(scale * (row - largest) - log_sum), zero elsewhere in [0, width); width: whole vectors. Returns the sum. The largest
// score is subtracted first: at scores like -1e30, rounding scale * largest would cost more accuracy than the exponential can bear.
HWY_INLINE float exponentials(float* row, int64_t from, int64_t to, int64_t width, float scale, float largest, float log_sum) {
  const F32 d;
  const int64_t lanes = static_cast<int64_t>(kLanes), first = from / lanes * lanes, last = std::min(width, round_up(to, lanes));
  constexpr float kLog2E = 1.44269504f;
  Vec sum = hn::Zero(d);
  for (int64_t j = 0; j < first; j += lanes) store(hn::Zero(d), row + j);
  for (int64_t j = first; j < last; j += lanes) {
    const Vec exponent = hn::MulSub(hn::Sub(load(row + j), hn::Set(d, largest)), hn::Set(d, scale * kLog2E), hn::Set(d, log_sum * kLog2E));
    Vec e = power_of_two(exponent);
    if (j + lanes > to) e = hn::IfThenElseZero(hn::FirstN(d, static_cast<size_t>(to - j)), e);
    if (j < from) e = hn::IfThenZeroElse(hn::FirstN(d, static_cast<size_t>(from - j)), e);
    store(e, row + j);
    sum = hn::Add(sum, e);
  }
  for (int64_t j = std::max(first, last); j < width; j += lanes) store(hn::Zero(d), row + j);
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

HWY_INLINE void scale_row(float* row, int64_t width, float factor) {
  for (int64_t j = 0; j < width; j += kLanes) store(hn::Mul(load(row + j), hn::Set(F32(), factor)), row + j);
}

// Applies dropout to one row of weights: row[j] *= 0 or 1 / (1 - p).
HWY_INLINE void drop_row(DropoutChunk& mask, uint64_t first_element, float* row, int64_t width) {
  for (int64_t j = 0; j < width; j += DropoutChunk::kChunk) {
    const int64_t count = std::min<int64_t>(DropoutChunk::kChunk, width - j);
    mask.prepare(first_element + j, count);
    for (int64_t i = 0; i < count; i += kLanes) store(mask.apply(load(row + j + i), i), row + j + i);
  }
}

// Turns q . k into a score: scale, then soft-cap (Gemma 2: cap * tanh(score / cap)), then distance bias. Without soft-cap and bias the
// scale is left to the exponential.
struct ScoreRules {
  float scale, cap;
  const float* bias;  // for key 0 and this query; null: none

  ScoreRules(const AttentionParams& p, const HeadOfSequence& s, int64_t query)
      : scale(p.scale),
        cap(p.softcap),
        bias(p.distance_bias ? p.distance_bias.row<const float>(s.head) + p.distance_origin - s.position(query) : nullptr) {}

  bool plain() const { return cap == 0 && !bias; }
  float left_scale() const { return plain() ? scale : 1; }  // the factor that the scores still need

  // row[j] is key tile_begin + j. `slopes`, if not null, receives d score / d (scale q . k).
  HWY_INLINE void apply(float* row, int64_t tile_begin, int64_t from, int64_t to, float* slopes) const {
    if (plain()) return;
    const F32 d;
    for (int64_t j = from / static_cast<int64_t>(kLanes) * static_cast<int64_t>(kLanes); j < to; j += kLanes) {
      Vec x = hn::Mul(load(row + j), hn::Set(d, scale));
      if (cap != 0) {
        const Vec t = hn::Tanh(d, hn::Div(x, hn::Set(d, cap)));
        if (slopes) store(hn::NegMulAdd(t, t, hn::Set(d, 1.0f)), slopes + j);
        x = hn::Mul(t, hn::Set(d, cap));
      }
      // Lanes outside [from, to) may get any bias because they are masked later, but the table must not be read out of bounds.
      if (bias) {
        if (j >= from && j + static_cast<int64_t>(kLanes) <= to) {
          x = hn::Add(x, load(bias + tile_begin + j));
        } else {
          HWY_ALIGN float part[kLanes] = {};
          for (int64_t i = std::max(from, j); i < std::min<int64_t>(to, j + kLanes); ++i) part[i - j] = bias[tile_begin + i];
          x = hn::Add(x, load(part));
        }
      }
      store(x, row + j);
    }
  }
};

// Saves two numbers per row for the backward: the largest score before left_scale, and the logarithm of the sum of exponentials.
inline void save_row(const AttentionParams& p, const HeadOfSequence& s, int64_t query, float largest, float sum) {
  if (!p.log_sum_exp) return;
  float* saved = p.log_sum_exp.row<float>(s.query_row + query) + 2 * s.head;
  saved[0] = largest;
  saved[1] = std::log(sum);
}

// Rebuilds the softmax weights of row `query` from its scores on `tile` and the saved statistics; zero where a key is masked. Returns the
// range of unmasked columns. `slopes`: see ScoreRules::apply.
HWY_INLINE KeyRange rebuild_weights(const AttentionParams& p, const HeadOfSequence& s, int64_t query, KeyRange tile, int64_t width,
                                    float* row, float* slopes) {
  const KeyRange seen = s.visible(p, query, query + 1, tile);
  if (seen.size() == 0) {
    std::memset(row, 0, static_cast<size_t>(width) * sizeof(float));
    return {0, 0};
  }
  const int64_t from = seen.begin - tile.begin, to = seen.end - tile.begin;
  const ScoreRules rules(p, s, query);
  rules.apply(row, tile.begin, from, to, slopes);
  const float* saved = p.log_sum_exp.row<const float>(s.query_row + query) + 2 * s.head;
  exponentials(row, from, to, width, rules.left_scale(), saved[0], saved[1]);
  return {from, to};
}

// Turns gradients of a row's weights into gradients of its scaled scores: dS = P * (dP - D) with D the row sum of P * dP (Dao et al. 2022,
// B.2, eq. 4), times the slope of the soft-cap. `bias_sums` accumulates the gradient of the tile's distance bias; null: not wanted.
HWY_INLINE void score_gradients(const float* weight, float* row, KeyRange seen, int64_t width, float D, const float* slopes,
                                float* bias_sums) {
  const F32 d;
  for (int64_t j = 0; j < width; j += kLanes) {
    const Vec w = load(weight + j);
    // In padded panels dP may hold anything, NaN included, where the weight is zero; the result there must be zero.
    store(hn::IfThenElseZero(hn::Gt(w, hn::Zero(d)), hn::Mul(w, hn::Sub(load(row + j), hn::Set(d, D)))), row + j);
  }
  for (int64_t j = seen.begin; j < seen.end && bias_sums; ++j) bias_sums[j] += row[j];
  for (int64_t j = seen.begin; j < seen.end && slopes; ++j) row[j] *= slopes[j];
}

// Gradient of the distance bias: adds up the tasks' sums, [group][columns] each, in the order of tasks.
template <typename Task>
void add_bias_sums(const AttentionBackwardParams& b, const std::vector<Task>& tasks) {
  const int64_t columns = b.d_distance_bias.cols, group = b.forward.num_heads / b.forward.num_key_value_heads;
  for (int head = 0; head < b.forward.num_heads; ++head) std::fill_n(b.d_distance_bias.row<float>(head), columns, 0.0f);
  for (const Task& task : tasks) {
    for (int64_t member = 0; member < group; ++member) {
      float* sums = b.d_distance_bias.row<float>(task.key_head * group + member);
      for (int64_t c = 0; c < columns; ++c) sums[c] += task.distance_bias[member * columns + c];
    }
  }
}

// Stores rows to their tensor, row r times factor(r); `add` accumulates.
template <typename T, typename Factor>
HWY_INLINE void store_rows(const float* rows, int64_t step, const View& x, int64_t first_row, int64_t count, int64_t column, int64_t size,
                           bool add, Factor&& factor) {
  for (int64_t r = 0; r < count; ++r) {
    const Vec times = hn::Set(F32(), factor(r));
    T* to = x.row<T>(first_row + r) + column;
    for (int64_t c = 0; c < size; c += kLanes) {
      Vec y = hn::Mul(times, load(rows + r * step + c));
      if (add) y = hn::Add(y, load_part(to + c, size - c));
      store_part(y, to + c, size - c);
    }
  }
}

// Stores rows of the output, row r times factor(r), and in out_rest what rounding took from them.
template <typename T, typename Factor>
HWY_INLINE void store_output(const AttentionParams& p, const HeadOfSequence& s, const float* rows, int64_t step, int64_t first,
                             int64_t count, Factor&& factor) {
  store_rows<T>(rows, step, p.out, s.query_row + first, count, s.query_column, s.size, false, factor);
  for (int64_t r = 0; r < count && p.out_rest; ++r) {
    const Vec times = hn::Set(F32(), factor(r));
    const T* out = p.out.row<const T>(s.query_row + first + r) + s.query_column;
    bf16* rest = p.out_rest.row<bf16>(s.query_row + first + r) + s.query_column;
    for (int64_t c = 0; c < s.size; c += kLanes)
      store_part(hn::MulSub(times, load(rows + r * step + c), load_part(out + c, s.size - c)), rest + c, s.size - c);
  }
}

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
