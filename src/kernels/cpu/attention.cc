// Attention, forward and backward, over packed sequences. Scores of a block of queries live in scratch (O(keys) memory per thread),
// the N x N matrix never exists: forward keeps the log-sum-exp of each row, backward makes the weights again from it.
//
// Bound by the matrix products of gemm-inl.h at head sizes of 64 and more, by packing keys and values for sequences of a few tokens.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/contrib/math/math-inl.h>

#include <cmath>
#include <vector>

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/flat.h"
#include "kernels/cpu/gemm-inl.h"
#include "kernels/cpu/scratch.h"

HWY_BEFORE_NAMESPACE();
namespace qkv::cpu::HWY_NAMESPACE {

inline constexpr int64_t kQueryBlock = 48;              // rows of scores at a time: 8 tiles of the product
inline constexpr int64_t kQueryTask = 4 * kQueryBlock;  // queries of one head that one task takes (forward)

struct Task {
  int64_t segment;
  int head;       // a query head (forward) or a key/value head (backward)
  int64_t first;  // first query
};

// Shapes of one sequence and head.
struct Shape {
  int64_t size, queries, keys, query_row, query_column, key_column;

  Shape(const AttentionParams& p, int64_t segment, int head)
      : size(p.q.cols / p.num_heads),
        queries(p.queries.length[segment]),
        keys(p.keys.length[segment]),
        query_row(p.queries.begin[segment]),
        query_column(head * size),
        key_column(head / (p.num_heads / p.num_key_value_heads) * size) {}

  // How many keys query i sees.
  int64_t visible(const AttentionParams& p, int64_t i) const {
    return p.causal ? std::clamp<int64_t>(i + 1 + keys - queries, 0, keys) : keys;
  }
};

// Rows [0, rows) of x (row numbers from `row_of`), columns [column, column + size), as f32 [rows][size].
template <typename T, typename RowOf>
void Gather(const View& x, int64_t rows, int64_t column, int64_t size, float* out, RowOf&& row_of) {
  for (int64_t r = 0; r < rows; ++r) {
    const T* from = x.row<const T>(row_of(r)) + column;
    for (int64_t c = 0; c < size; c += kLanes) StorePart(LoadPart(from + c, size - c), out + r * size + c, size - c);
  }
}

template <typename T>
void GatherKeys(const AttentionParams& p, const View& x, int64_t segment, const Shape& s, float* out) {
  const int64_t begin = p.keys.begin[segment];
  Gather<T>(x, s.keys, s.key_column, s.size, out, [&](int64_t j) { return p.keys.index ? p.keys.index[begin + j] : begin + j; });
}

// Rows of one head as f32: where they lie, when they are f32 rows in a row; else a copy.
struct HeadRows {
  const float* data;
  int64_t step;  // from row to row
};

template <typename T>
void GatherQueries(const View& x, const Shape& s, int64_t first, int64_t rows, float* out) {
  Gather<T>(x, rows, s.query_column, s.size, out, [&](int64_t i) { return s.query_row + first + i; });
}

template <typename T>
HeadRows Keys(const AttentionParams& p, const View& x, int64_t segment, const Shape& s, Scratch purpose) {
  if constexpr (std::is_same_v<T, float>) {
    if (!p.keys.index) return {x.row<const float>(p.keys.begin[segment]) + s.key_column, x.stride};
  }
  float* copy = scratch(purpose, s.keys * s.size + kLanes);
  GatherKeys<T>(p, x, segment, s, copy);
  return {copy, s.size};
}

template <typename T>
HeadRows Queries(const View& x, const Shape& s, int64_t first, int64_t rows, float* copy) {
  if constexpr (std::is_same_v<T, float>) return {x.row<const float>(s.query_row + first) + s.query_column, x.stride};
  GatherQueries<T>(x, s, first, rows, copy);
  return {copy, s.size};
}

// Rows back into their tensor, times `scale`.
template <typename T>
void Scatter(const float* rows, int64_t step, const View& x, int64_t first_row, int64_t count, int64_t column, int64_t size, float scale) {
  const Vec factor = hn::Set(F32(), scale);
  for (int64_t r = 0; r < count; ++r) {
    T* to = x.row<T>(first_row + r) + column;
    for (int64_t c = 0; c < size; c += kLanes) StorePart(hn::Mul(factor, Load(rows + r * step + c)), to + c, size - c);
  }
}

// row[0, visible) <- exp(scale * row - shift), row[visible, width) <- 0. Returns the sum.
HWY_INLINE float Exponentials(float* row, int64_t visible, int64_t width, float scale, float shift) {
  const F32 d;
  Vec sum = hn::Zero(d);
  for (int64_t j = 0; j < width; j += kLanes) {
    const Vec x = hn::MulSub(Load(row + j), hn::Set(d, scale), hn::Set(d, shift));
    Vec e = hn::Exp(d, x);
    if (j + static_cast<int64_t>(kLanes) > visible)
      e = hn::IfThenElseZero(hn::FirstN(d, static_cast<size_t>(std::max<int64_t>(0, visible - j))), e);
    Store(e, row + j);
    sum = hn::Add(sum, e);
  }
  return hn::GetLane(hn::SumOfLanes(d, sum));
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

// The scratch of one task: keys transposed and values, packed in panels, rows of scores.
struct KeyPanels {
  float* keys_t;  // op(b) = K^T: [keys / kPanel][size][kPanel]
  float* values;  // op(b) = V: [size / kPanel][keys][kPanel]
  int64_t width;  // keys rounded up to panels
};

template <typename T>
KeyPanels PackKeys(const AttentionParams& p, int64_t segment, const Shape& s) {
  KeyPanels panels{nullptr, nullptr, RoundUp(s.keys, kPanel)};
  const HeadRows k = Keys<T>(p, p.k, segment, s, Scratch::output_gradients);
  panels.keys_t = scratch(Scratch::keys, panels.width * s.size);
  PackAll(k.data, 1, k.step, s.size, s.keys, panels.keys_t);
  const HeadRows v = Keys<T>(p, p.v, segment, s, Scratch::output_gradients);
  panels.values = scratch(Scratch::values, RoundUp(s.size, kPanel) * s.keys);
  PackAll(v.data, v.step, 1, s.keys, s.size, panels.values);
  return panels;
}

// Softmax of the first `width` scores of queries [first, first + rows), rows `step` apart; log-sum-exp saved, weights normalized.
void SoftmaxRows(const AttentionParams& p, const Shape& s, int head, int64_t first, int64_t rows, float* scores, int64_t step,
                 int64_t width) {
  DropoutChunk mask(p.dropout);
  for (int64_t i = 0; i < rows; ++i) {
    float* row = scores + i * step;
    const int64_t visible = s.visible(p, first + i), query = s.query_row + first + i;
    float log_sum_exp = -INFINITY;
    if (visible == 0) {
      std::memset(row, 0, static_cast<size_t>(width) * sizeof(float));
    } else {
      const float largest = Largest(row, visible) * p.scale;
      const float sum = Exponentials(row, visible, width, p.scale, largest);
      log_sum_exp = largest + std::log(sum);
      ScaleRow(row, width, 1 / sum);
    }
    if (p.log_sum_exp) p.log_sum_exp.row<float>(query)[head] = log_sum_exp;
    if (mask.active()) DropRow(mask, attention_element(query, p.num_heads, head, 0), row, width);
  }
}

template <typename T>
void ForwardTask(const AttentionParams& p, const Task& task) {
  const Shape s(p, task.segment, task.head);
  const KeyPanels panels = PackKeys<T>(p, task.segment, s);
  float* q = scratch(Scratch::queries, kQueryBlock * s.size + kLanes);
  float* scores = scratch(Scratch::scores, kQueryBlock * panels.width);
  const int64_t out_step = RoundUp(s.size, kPanel);
  float* out = scratch(Scratch::outputs, kQueryBlock * out_step);
  const int64_t end = std::min(s.queries, task.first + kQueryTask);
  for (int64_t first = task.first; first < end; first += kQueryBlock) {
    const int64_t rows = std::min(kQueryBlock, end - first);
    const int64_t keys = s.visible(p, first + rows - 1), width = RoundUp(keys, kPanel);
    const HeadRows rows_of_q = Queries<T>(p.q, s, first, rows, q);
    SmallGemm(rows_of_q.data, rows_of_q.step, 1, panels.keys_t, s.size, rows, keys, s.size, scores, panels.width, false);
    SoftmaxRows(p, s, task.head, first, rows, scores, panels.width, width);
    SmallGemm(scores, panels.width, 1, panels.values, s.keys, rows, s.size, keys, out, out_step, false);
    Scatter<T>(out, out_step, p.out, s.query_row + first, rows, s.query_column, s.size, 1);
  }
}

// One query, as in decoding: keys and values are read once where they lie, so packing them would cost more than the products.
template <typename T>
void SingleQueryTask(const AttentionParams& p, const Task& task) {
  const F32 d;
  const Shape s(p, task.segment, task.head);
  const int64_t keys = s.visible(p, 0), width = RoundUp(keys, kPanel), begin = p.keys.begin[task.segment];
  const auto row_of = [&](int64_t j) { return p.keys.index ? p.keys.index[begin + j] : begin + j; };
  float* q = scratch(Scratch::queries, RoundUp(s.size, kPanel));
  for (int64_t c = 0; c < s.size; c += kLanes) Store(LoadPart(p.q.row<const T>(s.query_row) + s.query_column + c, s.size - c), q + c);
  float* scores = scratch(Scratch::scores, width);
  for (int64_t j = 0; j < keys; ++j) {
    const T* key = p.k.row<const T>(row_of(j)) + s.key_column;
    Vec sum = hn::Zero(d);
    for (int64_t c = 0; c < s.size; c += kLanes) sum = hn::MulAdd(Load(q + c), LoadPart(key + c, s.size - c), sum);
    scores[j] = hn::GetLane(hn::SumOfLanes(d, sum));
  }
  std::fill(scores + keys, scores + width, 0.0f);
  SoftmaxRows(p, s, task.head, 0, 1, scores, width, width);
  T* out = p.out.row<T>(s.query_row) + s.query_column;
  for (int64_t c = 0; c < s.size; c += kLanes) {
    Vec sum = hn::Zero(d);
    for (int64_t j = 0; j < keys; ++j)
      sum = hn::MulAdd(hn::Set(d, scores[j]), LoadPart(p.v.row<const T>(row_of(j)) + s.key_column + c, s.size - c), sum);
    StorePart(sum, out + c, s.size - c);
  }
}

std::vector<Task> ForwardTasks(const AttentionParams& p) {
  std::vector<Task> tasks;
  for (int64_t segment = 0; segment < p.queries.count; ++segment) {
    for (int head = 0; head < p.num_heads; ++head) {
      for (int64_t first = 0; first < p.queries.length[segment]; first += kQueryTask) tasks.push_back({segment, head, first});
    }
  }
  return tasks;
}

void Attention(const AttentionParams& p) {
  const std::vector<Task> tasks = ForwardTasks(p);
  with_type(p.q.dtype, [&](auto* type) {
    parallel_for(static_cast<int64_t>(tasks.size()), [&](int64_t i) HWY_ATTR {
      using T = std::remove_pointer_t<decltype(type)>;
      if (p.queries.length[tasks[i].segment] == 1) return SingleQueryTask<T>(p, tasks[i]);
      ForwardTask<T>(p, tasks[i]);
    });
  });
}

// Per query block of one head: P from the saved log-sum-exp, then dV += P^T dO, dP = dO V^T, dS = P * (dP - D), dQ = dS K, dK += dS^T Q.
template <typename T>
struct Backward {
  const AttentionBackwardParams& b;
  const AttentionParams& p;
  const Task& task;
  Shape s;
  int64_t step, width;              // head size and keys, rounded up to panels
  float *keys_t, *values_t, *keys;  // panels of K^T, V^T and K
  float *q, *dout, *scores, *gradients, *panel_of_q, *panel_of_dout, *rows_out, *dk, *dv;

  Backward(const AttentionBackwardParams& params, const Task& of)
      : b(params),
        p(params.forward),
        task(of),
        s(p, of.segment, of.head * (p.num_heads / p.num_key_value_heads)),
        step(RoundUp(s.size, kPanel)),
        width(RoundUp(s.keys, kPanel)) {
    keys_t = scratch(Scratch::keys, 2 * width * s.size + step * s.keys);
    values_t = keys_t + width * s.size;
    keys = values_t + width * s.size;
    q = scratch(Scratch::queries, 2 * kQueryBlock * s.size + kLanes);
    dout = q + kQueryBlock * s.size;
    scores = scratch(Scratch::scores, 2 * kQueryBlock * width);
    gradients = scores + kQueryBlock * width;
    panel_of_q = scratch(Scratch::outputs, 3 * kQueryBlock * step);
    panel_of_dout = panel_of_q + kQueryBlock * step;
    rows_out = panel_of_dout + kQueryBlock * step;
    dk = scratch(Scratch::output_gradients, 2 * s.keys * step);
    dv = dk + s.keys * step;
  }

  void PackKeyPanels() {
    const HeadRows k = Keys<T>(p, p.k, task.segment, s, Scratch::values);
    PackAll(k.data, 1, k.step, s.size, s.keys, keys_t);
    PackAll(k.data, k.step, 1, s.keys, s.size, keys);
    const HeadRows v = Keys<T>(p, p.v, task.segment, s, Scratch::values);
    PackAll(v.data, 1, v.step, s.size, s.keys, values_t);
  }

  // gradients <- P * (drop(dP) - D); scores <- drop(P), for the product with dO.
  void ScoreGradients(int head, int64_t first, int64_t rows, int64_t block_width, const HeadRows& rows_of_dout) {
    const F32 d;
    DropoutChunk mask(p.dropout);
    for (int64_t i = 0; i < rows; ++i) {
      float *weights = scores + i * width, *row = gradients + i * width;
      const int64_t query = s.query_row + first + i, visible = s.visible(p, first + i);
      Exponentials(weights, visible, block_width, p.scale, visible > 0 ? p.log_sum_exp.row<float>(query)[head] : 0);
      const uint64_t element = attention_element(query, p.num_heads, head, 0);
      if (mask.active()) DropRow(mask, element, row, block_width);
      Vec dot = hn::Zero(d);
      const T* out = p.out.row<const T>(query) + s.query_column;
      for (int64_t c = 0; c < s.size; c += kLanes)
        dot = hn::MulAdd(LoadPart(rows_of_dout.data + i * rows_of_dout.step + c, s.size - c), LoadPart(out + c, s.size - c), dot);
      const Vec D = hn::Set(d, hn::GetLane(hn::SumOfLanes(d, dot)));
      for (int64_t j = 0; j < block_width; j += kLanes) {
        const Vec weight = Load(weights + j);
        // Where the weight is zero the product with V may hold anything of a padded panel: zero stays zero.
        Store(hn::IfThenElseZero(hn::Gt(weight, hn::Zero(d)), hn::Mul(weight, hn::Sub(Load(row + j), D))), row + j);
      }
      if (mask.active()) DropRow(mask, element, weights, block_width);
    }
  }

  void QueryBlock(int head, int64_t first, int64_t rows) {
    const int64_t visible = s.visible(p, first + rows - 1), block_width = RoundUp(visible, kPanel);
    const HeadRows rows_of_q = Queries<T>(p.q, s, first, rows, q), rows_of_dout = Queries<T>(b.dout, s, first, rows, dout);
    SmallGemm(rows_of_q.data, rows_of_q.step, 1, keys_t, s.size, rows, visible, s.size, scores, width, false);
    SmallGemm(rows_of_dout.data, rows_of_dout.step, 1, values_t, s.size, rows, visible, s.size, gradients, width, false);
    ScoreGradients(head, first, rows, block_width, rows_of_dout);
    PackAll(rows_of_q.data, rows_of_q.step, 1, rows, s.size, panel_of_q);
    PackAll(rows_of_dout.data, rows_of_dout.step, 1, rows, s.size, panel_of_dout);
    SmallGemm(gradients, width, 1, keys, s.keys, rows, s.size, visible, rows_out, step, false);
    Scatter<T>(rows_out, step, b.dq, s.query_row + first, rows, s.query_column, s.size, p.scale);
    SmallGemm(scores, 1, width, panel_of_dout, rows, visible, s.size, rows, dv, step, true);
    SmallGemm(gradients, 1, width, panel_of_q, rows, visible, s.size, rows, dk, step, true);
  }

  void Run() {
    PackKeyPanels();
    std::memset(dk, 0, static_cast<size_t>(2 * s.keys * step) * sizeof(float));
    const int group = p.num_heads / p.num_key_value_heads;
    for (int head = task.head * group; head < (task.head + 1) * group; ++head) {
      s.query_column = head * s.size;
      for (int64_t first = 0; first < s.queries; first += kQueryBlock) QueryBlock(head, first, std::min(kQueryBlock, s.queries - first));
    }
    const int64_t begin = p.keys.begin[task.segment];
    Scatter<T>(dk, step, b.dk, begin, s.keys, s.key_column, s.size, p.scale);
    Scatter<T>(dv, step, b.dv, begin, s.keys, s.key_column, s.size, 1);
  }
};

void AttentionBackward(const AttentionBackwardParams& b) {
  std::vector<Task> tasks;
  for (int64_t segment = 0; segment < b.forward.queries.count; ++segment) {
    for (int head = 0; head < b.forward.num_key_value_heads; ++head) tasks.push_back({segment, head, 0});
  }
  with_type(b.forward.q.dtype, [&](auto* type) {
    parallel_for(static_cast<int64_t>(tasks.size()),
                 [&](int64_t i) HWY_ATTR { Backward<std::remove_pointer_t<decltype(type)>>(b, tasks[i]).Run(); });
  });
}

void AttentionMap(const AttentionMapParams& m) {
  const AttentionParams& p = m.forward;
  const Shape s(p, m.segment, m.head);
  with_type(p.q.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    float* plain = scratch(Scratch::values, s.keys * s.size + kLanes);
    GatherKeys<T>(p, p.k, m.segment, s, plain);
    const int64_t width = RoundUp(s.keys, kPanel);
    float* keys_t = scratch(Scratch::keys, width * s.size);
    PackAll(plain, 1, s.size, s.size, s.keys, keys_t);
    float *q = scratch(Scratch::queries, s.size + kLanes), *row = scratch(Scratch::scores, width);
    for (int64_t i = 0; i < s.queries; ++i) {
      GatherQueries<T>(p.q, s, i, 1, q);
      SmallGemm(q, s.size, 1, keys_t, s.size, 1, s.keys, s.size, row, width, false);
      const int64_t visible = s.visible(p, i);
      Exponentials(row, visible, width, p.scale, visible > 0 ? p.log_sum_exp.row<float>(s.query_row + i)[m.head] : 0);
      std::memcpy(m.weights.row<float>(i), row, static_cast<size_t>(s.keys) * sizeof(float));
    }
  });
}

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qkv::cpu {
HWY_EXPORT(Attention);
HWY_EXPORT(AttentionBackward);
HWY_EXPORT(AttentionMap);
void attention(const AttentionParams& p) { HWY_DYNAMIC_DISPATCH(Attention)(p); }
void attention_backward(const AttentionBackwardParams& p) { HWY_DYNAMIC_DISPATCH(AttentionBackward)(p); }
void attention_map(const AttentionMapParams& p) { HWY_DYNAMIC_DISPATCH(AttentionMap)(p); }
}  // namespace qkv::cpu
#endif
