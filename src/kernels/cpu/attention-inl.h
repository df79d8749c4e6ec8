// What the forward and the backward of attention share: one sequence and head, packing a tile of its keys, the rules of its scores.
#if defined(QKV_ATTENTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QKV_ATTENTION_INL_H_
#undef QKV_ATTENTION_INL_H_
#else
#define QKV_ATTENTION_INL_H_
#endif

#include <hwy/contrib/math/math-inl.h>

#include <cmath>

#include "kernels/cpu/gemm-inl.h"
#include "kernels/cpu/scratch.h"
#include "kernels/params.h"

HWY_BEFORE_NAMESPACE();
namespace qkv::cpu::HWY_NAMESPACE {

inline constexpr int64_t kQueryRows = 48;  // rows of scores at a time: 8 tiles of the product
inline constexpr int64_t kKeyTile = 256;   // keys at a time; at a head size of 64 the panels of K and of V take 64 KiB each, in L2

// A range of keys, [begin, end).
struct KeyRange {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

// One sequence and one query head of an AttentionParams.
struct HeadOfSequence {
  int64_t size, queries, keys, query_row, query_column, key_column, group;
  int head;

  HeadOfSequence(const AttentionParams& p, int64_t segment, int query_head)
      : size(p.q.cols / p.num_heads),
        queries(p.queries.length[segment]),
        keys(p.keys.length[segment]),
        query_row(p.queries.begin[segment]),
        query_column(query_head * size),
        key_column(query_head / (p.num_heads / p.num_key_value_heads) * size),
        group(p.num_heads / p.num_key_value_heads),
        head(query_head) {}

  void set_head(int query_head) {
    head = query_head;
    query_column = query_head * size;
  }
  // The key that lies where query i does: the last query belongs to the last key.
  int64_t position(int64_t i) const { return i + keys - queries; }
  // The keys that query i sees.
  KeyRange visible(const AttentionParams& p, int64_t i) const {
    const int64_t at = position(i);
    const int64_t begin = p.window ? at - p.window + 1 : 0, end = p.causal ? at + 1 : p.window ? at + p.window : keys;
    return {std::clamp<int64_t>(begin, 0, keys), std::clamp<int64_t>(end, 0, keys)};
  }
  // Those of `tile` that queries [first, last) see between them. Both ends grow with the query.
  KeyRange visible(const AttentionParams& p, int64_t first, int64_t last, KeyRange tile) const {
    const int64_t begin = std::clamp(visible(p, first).begin, tile.begin, tile.end);
    return {begin, std::clamp(visible(p, last - 1).end, begin, tile.end)};
  }
};

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

// Queries [first, first + rows), or those rows of anything shaped like q; `copy` has room for them.
template <typename T>
HeadRows QueryRows(const View& x, const HeadOfSequence& s, int64_t first, int64_t rows, float* copy) {
  if constexpr (std::is_same_v<T, float>) return {x.row<const float>(s.query_row + first) + s.query_column, x.stride};
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

// row[from, to) <- exp(scale * row - shift), zero elsewhere in [0, width). Returns the sum. width: whole vectors.
HWY_INLINE float Exponentials(float* row, int64_t from, int64_t to, int64_t width, float scale, float shift) {
  const F32 d;
  const int64_t lanes = static_cast<int64_t>(kLanes), first = from / lanes * lanes, last = std::min(width, RoundUp(to, lanes));
  Vec sum = hn::Zero(d);
  for (int64_t j = 0; j < first; j += lanes) Store(hn::Zero(d), row + j);
  for (int64_t j = first; j < last; j += lanes) {
    Vec e = hn::Exp(d, hn::MulSub(Load(row + j), hn::Set(d, scale), hn::Set(d, shift)));
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

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
