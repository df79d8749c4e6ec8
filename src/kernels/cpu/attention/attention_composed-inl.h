// Attention by the formula: scores, softmax and product with the values for a block of queries and all keys of their sequence, and its
// gradient. A Scores class defines the score of a query and a key: DotProducts, additive (additive_attention.cc) or
// disentangled (disentangled_attention.cc).
// Memory: kQueryRows rows of scores, and the keys and values of one head in f32.
//
// class Scores {
//   void set_head(const HeadOfSequence& s);  // the query head that the next calls are about
//   // scores[i][j], [block.count][width], of a block's queries and keys [0, end)
//   void score(const QueryBlock& block, int64_t end, float* scores, int64_t width);
//   // dq = their gradients to the queries, [block.count][step]; dk += those to the keys, [keys][step]; step: head size, whole panels
//   void differentiate(const QueryBlock& block, int64_t end, const float* dscores, int64_t width, float* dq, float* dk);
//   void finish(float* dk);  // after the last block of a query head
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

// Queries [first, first + count) of a sequence, and their rows of one head.
struct QueryBlock {
  HeadRows rows;
  int64_t first, count;
};

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
  void score(const QueryBlock& block, int64_t end, float* scores, int64_t width) const {
    small_gemm(block.rows.data, block.rows.step, 1, keys_t_, size_, block.count, end, size_, scores, width, false);
  }
  void differentiate(const QueryBlock& block, int64_t end, const float* dscores, int64_t width, float* dq, float* dk) {
    small_gemm(dscores, width, 1, packed_keys_, keys_, block.count, size_, end, dq, step_, false);
    pack_all(block.rows.data, block.rows.step, 1, block.count, size_, panel_of_q_);
    small_gemm(dscores, 1, width, panel_of_q_, block.count, end, size_, block.count, dk, step_, true);
  }
  void finish(float*) const {}
  // For the backward: panels of K and of the last block of Q.
  const float* packed_keys() const { return packed_keys_; }
  const float* panel_of_queries() const { return panel_of_q_; }

 private:
  int64_t size_, keys_, step_;
  float *keys_t_, *packed_keys_ = nullptr, *panel_of_q_ = nullptr;  // panels of K^T, of K, and of a block of Q
};

// Turns row `query` of scores into exp(score - largest) with dropout applied. Returns the sum of all visible weights before dropout.
HWY_INLINE float softmax_row(const AttentionParams& p, const HeadOfSequence& s, int64_t query, int64_t width, DropoutChunk& mask,
                             float* row) {
  const KeyRange seen = s.visible(p, query);
  float largest = -INFINITY, sum = 0;
  if (seen.size() > 0) {
    const ScoreRules rules(p, s, query);
    rules.apply(row, 0, seen.begin, seen.end, nullptr);
    largest = largest_of(row + seen.begin, seen.size());
    sum = exponentials(row, seen.begin, seen.end, width, rules.left_scale(), largest, 0);
  } else {
    std::memset(row, 0, static_cast<size_t>(width) * sizeof(float));
  }
  save_row(p, s, query, largest, sum);
  if (mask.active()) drop_row(mask, attention_element(s.query_row + query, p.num_heads, s.head, 0), row, width);
  return sum;
}

// out = softmax(scores) V for the queries of one task. make_scores(s, rows of its keys) returns the Scores object.
template <typename T, typename MakeScores>
void composed_forward(const AttentionParams& p, const ForwardTask& task, const MakeScores& make_scores) {
  const int group = p.num_heads / p.num_key_value_heads;
  HeadOfSequence s(p, task.segment, task.key_head * group);
  const KeyRange all{0, s.keys};
  const int64_t step = round_up(s.size, kPanel), width = round_up(s.keys, kPanel);
  auto scores_of = make_scores(s, key_rows<T>(p, p.k, task.segment, s, all));
  float* values = scratch(Scratch::values, step * s.keys);
  const HeadRows v = key_rows<T>(p, p.v, task.segment, s, all);
  pack_all(v.data, v.step, 1, s.keys, s.size, values);
  float *scores = scratch(Scratch::scores, kQueryRows * width), *out = scratch(Scratch::outputs, kQueryRows * step);
  float *queries = scratch(Scratch::queries, kQueryRows * s.size + kLanes), sums[kQueryRows];
  DropoutChunk mask(p.dropout);
  for (int member = 0; member < group; ++member) {
    s.set_head(task.key_head * group + member);
    scores_of.set_head(s);
    for (int64_t first = task.first; first < task.last; first += kQueryRows) {
      const int64_t count = std::min(kQueryRows, task.last - first);
      const int64_t end = s.visible(p, first + count - 1).end;
      scores_of.score({query_rows<T>(p.q, s, first, count, queries), first, count}, end, scores, width);
      for (int64_t i = 0; i < count; ++i) sums[i] = softmax_row(p, s, first + i, round_up(end, kPanel), mask, scores + i * width);
      small_gemm(scores, width, 1, values, s.keys, count, s.size, end, out, step, false);
      store_output<T>(p, s, out, step, first, count, [&](int64_t i) { return sums[i] > 0 ? 1 / sums[i] : 0.0f; });
    }
  }
}

// The backward of one sequence and key/value head (Dao et al. 2022, B.2, without tiles).
struct ComposedTask {
  int64_t segment;
  int key_head;
  float* distance_bias;  // [group][columns] sums of this task; null: not wanted
};

template <typename T, typename Scores>
class ComposedBackward {
 public:
  // `scores` must be made from the same keys. It may use Scratch::keys and Scratch::rows_a.
  ComposedBackward(const AttentionBackwardParams& params, const ComposedTask& of, const HeadOfSequence& head, Scores& scores)
      : params_(params),
        forward_(params.forward),
        task_(of),
        scores_(scores),
        head_(head),
        step_(round_up(head_.size, kPanel)),
        width_(round_up(head_.keys, kPanel)),
        mask_(forward_.dropout) {
    values_t_ = scratch(Scratch::values, width_ * head_.size);
    weights_ = scratch(Scratch::scores, (2 * kQueryRows + 1) * width_);
    gradients_ = weights_ + kQueryRows * width_;
    slopes_ = gradients_ + kQueryRows * width_;
    q_ = scratch(Scratch::queries, 2 * kQueryRows * head_.size + kLanes);
    dout_ = q_ + kQueryRows * head_.size;
    panel_of_dout_ = scratch(Scratch::query_panels, 2 * kQueryRows * step_);
    dq_ = panel_of_dout_ + kQueryRows * step_;
    dk_ = scratch(Scratch::key_gradients, 2 * head_.keys * step_);
    dv_ = dk_ + head_.keys * step_;
  }

  void run() {
    const HeadRows v = key_rows<T>(forward_, forward_.v, task_.segment, head_, {0, head_.keys});
    pack_all(v.data, 1, v.step, head_.size, head_.keys, values_t_);
    std::memset(dk_, 0, static_cast<size_t>(2 * head_.keys * step_) * sizeof(float));
    for (int64_t member = 0; member < head_.group; ++member) {
      head_.set_head(static_cast<int>(task_.key_head * head_.group + member));
      scores_.set_head(head_);
      for (int64_t first = 0; first < head_.queries; first += kQueryRows)
        add_block(member, first, std::min(kQueryRows, head_.queries - first));
      scores_.finish(dk_);
    }
    const int64_t begin = forward_.keys.begin[task_.segment];
    store_rows<T>(dk_, step_, params_.dk, begin, head_.keys, head_.key_column, head_.size, false, [&](int64_t) { return forward_.scale; });
    store_rows<T>(dv_, step_, params_.dv, begin, head_.keys, head_.key_column, head_.size, false, [](int64_t) { return 1.0f; });
  }

 private:
  // P = softmax(scores), dP = dO V^T, dV += P^T dO, dS = P * (dP - D), then dQ and dK.
  void add_block(int64_t member, int64_t first, int64_t count) {
    const int64_t end = head_.visible(forward_, first + count - 1).end;
    const HeadRows rows_of_q = query_rows<T>(forward_.q, head_, first, count, q_),
                   rows_of_dout = query_rows<T>(params_.dout, head_, first, count, dout_);
    const QueryBlock block{rows_of_q, first, count};
    scores_.score(block, end, weights_, width_);
    small_gemm(rows_of_dout.data, rows_of_dout.step, 1, values_t_, head_.size, count, end, head_.size, gradients_, width_, false);
    for (int64_t i = 0; i < count; ++i)
      differentiate_row(member, first + i, round_up(end, kPanel), weights_ + i * width_, gradients_ + i * width_);
    pack_all(rows_of_dout.data, rows_of_dout.step, 1, count, head_.size, panel_of_dout_);
    small_gemm(weights_, 1, width_, panel_of_dout_, count, end, head_.size, count, dv_, step_, true);
    scores_.differentiate(block, end, gradients_, width_, dq_, dk_);
    store_rows<T>(dq_, step_, params_.dq, head_.query_row + first, count, head_.query_column, head_.size, false,
                  [&](int64_t) { return forward_.scale; });
  }

  // On entry `row` is dP and `weight` the scores; on return dS and the weights after dropout.
  void differentiate_row(int64_t member, int64_t query, int64_t columns, float* weight, float* row) {
    const F32 d;
    const KeyRange seen = rebuild_weights(forward_, head_, query, {0, head_.keys}, columns, weight, slopes_);
    const uint64_t element = attention_element(head_.query_row + query, forward_.num_heads, head_.head, 0);
    if (mask_.active()) drop_row(mask_, element, row, columns);
    Vec D = hn::Zero(d);
    for (int64_t j = 0; j < columns; j += kLanes) {
      const Vec w = load(weight + j);
      D = hn::Add(D, hn::IfThenElseZero(hn::Gt(w, hn::Zero(d)), hn::Mul(w, load(row + j))));
    }
    float* bias_sums = task_.distance_bias
                           ? task_.distance_bias + member * forward_.distance_bias.cols + forward_.distance_origin - head_.position(query)
                           : nullptr;
    score_gradients(weight, row, seen, columns, hn::GetLane(hn::SumOfLanes(d, D)), forward_.softcap != 0 ? slopes_ : nullptr, bias_sums);
    if (mask_.active()) drop_row(mask_, element, weight, columns);
  }

  const AttentionBackwardParams& params_;
  const AttentionParams& forward_;
  const ComposedTask& task_;
  Scores& scores_;
  HeadOfSequence head_;
  int64_t step_, width_;  // head size and keys rounded up to panels
  DropoutChunk mask_;
  float* values_t_;                          // panels of V^T
  float *q_, *dout_, *panel_of_dout_, *dq_;  // [kQueryRows][size] twice, [kQueryRows][step] twice
  float *weights_, *gradients_, *slopes_;    // [kQueryRows][width] twice, [width]
  float *dk_, *dv_;                          // [keys][step] each
};

// Runs all tasks of a backward pass. make_scores(task number, s, rows of its keys) returns the Scores object.
template <typename T, typename MakeScores>
void run_composed_backward(const AttentionBackwardParams& b, const MakeScores& make_scores) {
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
    auto scores = make_scores(i, s, key_rows<T>(p, p.k, task.segment, s, {0, s.keys}));
    ComposedBackward<T, decltype(scores)>(b, task, s, scores).run();
  });
  if (columns) add_bias_sums(b, tasks);
}

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
