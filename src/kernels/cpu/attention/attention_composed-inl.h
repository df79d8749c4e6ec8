// Attention by the formula, a block of queries against all the keys of their sequence at a time: scores, softmax, product with the values;
// and its gradient. How a score is made of a query and a key is a class of its own: the dot product (attention_composed.cc) or the additive
// score (additive_attention.cc). Memory: kQueryRows rows of scores, and the keys and values of one head in f32.
//
// class Scores {
//   void set_head(const HeadOfSequence& s);  // the query head that the next calls are about
//   // scores[i][j], [count][width], of `count` queries and keys [0, end)
//   void Values(const HeadRows& q, int64_t count, int64_t end, float* scores, int64_t width);
//   // dq = their gradients to the queries, [count][step]; dk += those to the keys, [keys][step]; step: head size, whole panels
//   void Gradients(const HeadRows& q, int64_t count, int64_t end, const float* dscores, int64_t width, float* dq, float* dk);
// };
#if defined(QKV_ATTENTION_COMPOSED_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QKV_ATTENTION_COMPOSED_INL_H_
#undef QKV_ATTENTION_COMPOSED_INL_H_
#else
#define QKV_ATTENTION_COMPOSED_INL_H_
#endif

#include "kernels/cpu/attention/attention-inl.h"
#include "kernels/cpu/vector/flat.h"

HWY_BEFORE_NAMESPACE();
namespace qkv::cpu::HWY_NAMESPACE {

// Row `query` of scores becomes exp(score - largest), then drops what dropout drops. Returns the sum of all that could be seen.
HWY_INLINE float SoftmaxRow(const AttentionParams& p, const HeadOfSequence& s, int64_t query, int64_t width, DropoutChunk& mask,
                            float* row) {
  const KeyRange seen = s.visible(p, query);
  float largest = -INFINITY, sum = 0;
  if (seen.size() > 0) {
    const ScoreRules rules(p, s, query);
    rules.Apply(row, 0, seen.begin, seen.end, nullptr);
    largest = Largest(row + seen.begin, seen.size());
    sum = Exponentials(row, seen.begin, seen.end, width, rules.left_scale(), largest, 0);
  } else {
    std::memset(row, 0, static_cast<size_t>(width) * sizeof(float));
  }
  SaveRow(p, s, query, largest, sum);
  if (mask.active()) DropRow(mask, attention_element(s.query_row + query, p.num_heads, s.head, 0), row, width);
  return sum;
}

// out = softmax(scores) V for the queries of one task. make_scores(s, rows of its keys) makes the Scores.
template <typename T, typename MakeScores>
void ComposedForward(const AttentionParams& p, const ForwardTask& task, const MakeScores& make_scores) {
  const int group = p.num_heads / p.num_key_value_heads;
  HeadOfSequence s(p, task.segment, task.key_head * group);
  const KeyRange all{0, s.keys};
  const int64_t step = RoundUp(s.size, kPanel), width = RoundUp(s.keys, kPanel);
  auto scores_of = make_scores(s, KeyRows<T>(p, p.k, task.segment, s, all));
  float* values = scratch(Scratch::values, step * s.keys);
  const HeadRows v = KeyRows<T>(p, p.v, task.segment, s, all);
  PackAll(v.data, v.step, 1, s.keys, s.size, values);
  float *scores = scratch(Scratch::scores, kQueryRows * width), *out = scratch(Scratch::outputs, kQueryRows * step);
  float *queries = scratch(Scratch::queries, kQueryRows * s.size + kLanes), sums[kQueryRows];
  DropoutChunk mask(p.dropout);
  for (int member = 0; member < group; ++member) {
    s.set_head(task.key_head * group + member);
    scores_of.set_head(s);
    for (int64_t first = task.first; first < task.last; first += kQueryRows) {
      const int64_t count = std::min(kQueryRows, task.last - first);
      const int64_t end = s.visible(p, first + count - 1).end;
      scores_of.Values(QueryRows<T>(p.q, s, first, count, queries), count, end, scores, width);
      for (int64_t i = 0; i < count; ++i) sums[i] = SoftmaxRow(p, s, first + i, RoundUp(end, kPanel), mask, scores + i * width);
      SmallGemm(scores, width, 1, values, s.keys, count, s.size, end, out, step, false);
      StoreOutput<T>(p, s, out, step, first, count, [&](int64_t i) { return sums[i] > 0 ? 1 / sums[i] : 0.0f; });
    }
  }
}

// The gradients of one sequence and key/value head (Dao et al. 2022, B.2, without tiles).
struct ComposedTask {
  int64_t segment;
  int key_head;
  float* distance_bias;  // [group][columns] sums of this task; null: not wanted
};

template <typename T, typename Scores>
class ComposedBackward {
 public:
  // `scores`: of the same keys. It may use the memory of Scratch::keys and Scratch::rows_a.
  ComposedBackward(const AttentionBackwardParams& params, const ComposedTask& of, const HeadOfSequence& head, Scores& scores)
      : b(params),
        p(params.forward),
        task(of),
        scores_of(scores),
        s(head),
        step(RoundUp(s.size, kPanel)),
        width(RoundUp(s.keys, kPanel)),
        mask(p.dropout) {
    values_t = scratch(Scratch::values, width * s.size);
    weights = scratch(Scratch::scores, (2 * kQueryRows + 1) * width);
    gradients = weights + kQueryRows * width;
    slopes = gradients + kQueryRows * width;
    q = scratch(Scratch::queries, 2 * kQueryRows * s.size + kLanes);
    dout = q + kQueryRows * s.size;
    panel_of_dout = scratch(Scratch::outputs, 2 * kQueryRows * step);
    dq = panel_of_dout + kQueryRows * step;
    dk = scratch(Scratch::output_gradients, 2 * s.keys * step);
    dv = dk + s.keys * step;
  }

  void Run() {
    const HeadRows v = KeyRows<T>(p, p.v, task.segment, s, {0, s.keys});
    PackAll(v.data, 1, v.step, s.size, s.keys, values_t);
    std::memset(dk, 0, static_cast<size_t>(2 * s.keys * step) * sizeof(float));
    for (member = 0; member < s.group; ++member) {
      s.set_head(static_cast<int>(task.key_head * s.group + member));
      scores_of.set_head(s);
      for (int64_t first = 0; first < s.queries; first += kQueryRows) Block(first, std::min(kQueryRows, s.queries - first));
    }
    const int64_t begin = p.keys.begin[task.segment];
    StoreRows<T>(dk, step, b.dk, begin, s.keys, s.key_column, s.size, false, [&](int64_t) { return p.scale; });
    StoreRows<T>(dv, step, b.dv, begin, s.keys, s.key_column, s.size, false, [](int64_t) { return 1.0f; });
  }

 private:
  // P = softmax(scores), dP = dO V^T, dV += P^T dO, dS = P * (dP - D), then the gradients of the scores.
  void Block(int64_t first, int64_t count) {
    const int64_t end = s.visible(p, first + count - 1).end;
    const HeadRows rows_of_q = QueryRows<T>(p.q, s, first, count, q), rows_of_dout = QueryRows<T>(b.dout, s, first, count, dout);
    scores_of.Values(rows_of_q, count, end, weights, width);
    SmallGemm(rows_of_dout.data, rows_of_dout.step, 1, values_t, s.size, count, end, s.size, gradients, width, false);
    for (int64_t i = 0; i < count; ++i) Row(first + i, RoundUp(end, kPanel), weights + i * width, gradients + i * width);
    PackAll(rows_of_dout.data, rows_of_dout.step, 1, count, s.size, panel_of_dout);
    SmallGemm(weights, 1, width, panel_of_dout, count, end, s.size, count, dv, step, true);
    scores_of.Gradients(rows_of_q, count, end, gradients, width, dq, dk);
    StoreRows<T>(dq, step, b.dq, s.query_row + first, count, s.query_column, s.size, false, [&](int64_t) { return p.scale; });
  }

  // row: dP, becomes dS; weight: the score, becomes drop(P).
  void Row(int64_t query, int64_t columns, float* weight, float* row) {
    const F32 d;
    const KeyRange seen = SavedWeights(p, s, query, {0, s.keys}, columns, weight, slopes);
    const uint64_t element = attention_element(s.query_row + query, p.num_heads, s.head, 0);
    if (mask.active()) DropRow(mask, element, row, columns);
    Vec D = hn::Zero(d);
    for (int64_t j = 0; j < columns; j += kLanes) {
      const Vec w = Load(weight + j);
      D = hn::Add(D, hn::IfThenElseZero(hn::Gt(w, hn::Zero(d)), hn::Mul(w, Load(row + j))));
    }
    float* bias_sums =
        task.distance_bias ? task.distance_bias + member * p.distance_bias.cols + p.distance_origin - s.position(query) : nullptr;
    ScoreGradients(weight, row, seen, columns, hn::GetLane(hn::SumOfLanes(d, D)), p.softcap != 0 ? slopes : nullptr, bias_sums);
    if (mask.active()) DropRow(mask, element, weight, columns);
  }

  const AttentionBackwardParams& b;
  const AttentionParams& p;
  const ComposedTask& task;
  Scores& scores_of;
  HeadOfSequence s;
  int64_t step, width, member = 0;  // head size and keys rounded up to panels; head within the group
  DropoutChunk mask;
  float* values_t;                       // panels of V^T
  float *q, *dout, *panel_of_dout, *dq;  // [kQueryRows][size] twice, [kQueryRows][step] twice
  float *weights, *gradients, *slopes;   // [kQueryRows][width] twice, [width]
  float *dk, *dv;                        // [keys][step] each
};

// All tasks of a backward pass. make_scores(task's number, s, rows of its keys) makes the Scores.
template <typename T, typename MakeScores>
void RunComposedBackward(const AttentionBackwardParams& b, const MakeScores& make_scores) {
  const AttentionParams& p = b.forward;
  const int group = p.num_heads / p.num_key_value_heads;
  const int64_t columns = b.d_distance_bias ? group * p.distance_bias.cols : 0, count = p.queries.count * p.num_key_value_heads;
  float* const biases = scratch(Scratch::sums, count * columns);
  std::fill(biases, biases + count * columns, 0.0f);
  std::vector<ComposedTask> tasks;
  for (int64_t i = 0; i < count; ++i)
    tasks.push_back({i / p.num_key_value_heads, static_cast<int>(i % p.num_key_value_heads), columns ? biases + i * columns : nullptr});
  parallel_for(count, [&](int64_t i) HWY_ATTR {
    const ComposedTask& task = tasks[static_cast<size_t>(i)];
    const HeadOfSequence s(p, task.segment, task.key_head * group);
    auto scores = make_scores(i, s, KeyRows<T>(p, p.k, task.segment, s, {0, s.keys}));
    ComposedBackward<T, decltype(scores)>(b, task, s, scores).Run();
  });
  if (columns) AddBiasSums(b, tasks);
}

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
