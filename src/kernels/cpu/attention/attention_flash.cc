// Attention forward (FlashAttention: Dao et al. 2022, algorithm 1): tiles of keys pass by, each query keeps its output so far, the
// largest score and the sum of exponentials. The N x N matrix never exists; memory is O(tokens), what is saved is the log-sum-exp.
//
// Bound by the tiles of gemm-inl.h; a score costs 4 * head size operations in products and about 20 in its exponential.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention/attention_flash.cc"
#include <hwy/foreach_target.h>
//
#include "kernels/cpu/attention/attention-inl.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/vector/flat.h"

HWY_BEFORE_NAMESPACE();
namespace qkv::cpu::HWY_NAMESPACE {

template <typename T>
class Forward {
 public:
  Forward(const AttentionParams& params, const ForwardTask& of)
      : p(params),
        task(of),
        s(p, of.segment, of.key_head * (p.num_heads / p.num_key_value_heads)),
        step(RoundUp(s.size, kPanel)),
        rows(of.last - of.first),
        mask(p.dropout) {
    outputs = scratch(Scratch::outputs, s.group * rows * (step + 2));
    largest = outputs + s.group * rows * step;
    sums = largest + s.group * rows;
    scores = scratch(Scratch::scores, kQueryRows * ScoreStep(kKeyTile));
    queries = scratch(Scratch::queries, kQueryRows * s.size + kLanes);
    keys_t = scratch(Scratch::keys, kKeyTile * s.size);
    values = scratch(Scratch::values, step * kKeyTile);
  }

  void Run() {
    std::memset(outputs, 0, static_cast<size_t>(s.group * rows * step) * sizeof(float));
    std::fill(largest, largest + s.group * rows, -INFINITY);
    std::fill(sums, sums + s.group * rows, 0.0f);
    const KeyRange all = s.visible(p, task.first, task.last, {0, s.keys});
    for (int64_t begin = all.begin / kKeyTile * kKeyTile; begin < all.end; begin += kKeyTile) {
      tile = {begin, std::min(s.keys, begin + kKeyTile)};
      Pack();
      for (int64_t member = 0; member < s.group; ++member) {
        s.set_head(static_cast<int>(task.key_head * s.group + member));
        for (int64_t first = 0; first < rows; first += kQueryRows) Block(member * rows, first, std::min(kQueryRows, rows - first));
      }
    }
    for (int64_t member = 0; member < s.group; ++member) {
      s.set_head(static_cast<int>(task.key_head * s.group + member));
      Finish(member * rows);
    }
  }

 private:
  void Pack() {
    const HeadRows k = KeyRows<T>(p, p.k, task.segment, s, tile);
    PackAll(k.data, 1, k.step, s.size, tile.size(), keys_t);
    const HeadRows v = KeyRows<T>(p, p.v, task.segment, s, tile);
    PackAll(v.data, v.step, 1, tile.size(), s.size, values);
  }

  // Scores of `count` queries with the tile, and what they add to the outputs. `place`: where this head's rows begin.
  void Block(int64_t place, int64_t first, int64_t count) {
    const KeyRange seen = s.visible(p, task.first + first, task.first + first + count, tile);
    if (seen.size() == 0) return;
    const int64_t end = seen.end - tile.begin, width = RoundUp(end, kPanel);
    const int64_t score_step = ScoreStep(tile.size());
    const HeadRows q = QueryRows<T>(p.q, s, task.first + first, count, queries);
    SmallGemm(q.data, q.step, 1, keys_t, s.size, count, end, s.size, scores, score_step, false);
    for (int64_t i = 0; i < count; ++i) Weights(place + first + i, task.first + first + i, scores + i * score_step, width);
    SmallGemm(scores, score_step, 1, values, tile.size(), count, s.size, end, outputs + (place + first) * step, step, true);
  }

  // Scores of one query become weights relative to the largest score so far; what came before is scaled where that has grown.
  void Weights(int64_t place, int64_t query, float* row, int64_t width) {
    const KeyRange seen = s.visible(p, query, query + 1, tile);
    const int64_t from = seen.begin - tile.begin, to = seen.end - tile.begin;
    if (from >= to) {
      std::memset(row, 0, static_cast<size_t>(width) * sizeof(float));
      return;
    }
    const ScoreRules rules(p, s, query);
    rules.Apply(row, tile.begin, from, to, nullptr);
    const float here = Largest(row + from, to - from);
    if (here > largest[place]) {
      if (sums[place] > 0) {
        const float shrink = std::exp(rules.left_scale() * (largest[place] - here));
        sums[place] *= shrink;
        ScaleRow(outputs + place * step, step, shrink);
      }
      largest[place] = here;
    }
    sums[place] += Exponentials(row, from, to, width, rules.left_scale(), largest[place], 0);
    if (mask.active()) DropRow(mask, attention_element(s.query_row + query, p.num_heads, s.head, tile.begin), row, width);
  }

  void Finish(int64_t place) {
    StoreOutput<T>(p, s, outputs + place * step, step, task.first, rows,
                   [&](int64_t r) { return sums[place + r] > 0 ? 1 / sums[place + r] : 0.0f; });
    for (int64_t r = 0; r < rows; ++r) SaveRow(p, s, task.first + r, largest[place + r], sums[place + r]);
  }

  const AttentionParams& p;
  const ForwardTask& task;
  HeadOfSequence s;
  int64_t step, rows;  // head size rounded up to panels; queries of the task
  DropoutChunk mask;
  KeyRange tile{0, 0};
  float *outputs, *largest, *sums;            // [group][rows][step], [group][rows], [group][rows]
  float *scores, *queries, *keys_t, *values;  // [kQueryRows][ScoreStep], [kQueryRows][size], panels of K^T and of V
};

// One query, as in decoding: keys and values are read once where they lie, so packing them would cost more than the products. Sums in the
// lanes are of another order than a tile's, so a backward could not rebuild these scores to the last bit: nothing is saved for one.
template <typename T>
void SingleQuery(const AttentionParams& p, int64_t segment, int head) {
  const F32 d;
  const HeadOfSequence s(p, segment, head);
  const KeyRange seen = s.visible(p, 0);
  const int64_t begin = p.keys.begin[segment], width = RoundUp(seen.size(), kPanel);
  const auto row_of = [&](int64_t j) { return p.keys.index ? p.keys.index[begin + seen.begin + j] : begin + seen.begin + j; };
  float* q = scratch(Scratch::queries, RoundUp(s.size, kPanel));
  for (int64_t c = 0; c < s.size; c += kLanes) Store(LoadPart(p.q.row<const T>(s.query_row) + s.query_column + c, s.size - c), q + c);
  float* scores = scratch(Scratch::scores, width);
  for (int64_t j = 0; j < seen.size(); ++j) {
    const T* key = p.k.row<const T>(row_of(j)) + s.key_column;
    Vec dot = hn::Zero(d);
    for (int64_t c = 0; c < s.size; c += kLanes) dot = hn::MulAdd(Load(q + c), LoadPart(key + c, s.size - c), dot);
    scores[j] = hn::GetLane(hn::SumOfLanes(d, dot));
  }
  float factor = 0;
  if (seen.size() > 0) {
    const ScoreRules rules(p, s, 0);
    rules.Apply(scores, seen.begin, 0, seen.size(), nullptr);
    factor = 1 / Exponentials(scores, 0, seen.size(), width, rules.left_scale(), Largest(scores, seen.size()), 0);
  }
  DropoutChunk mask(p.dropout);
  if (mask.active()) DropRow(mask, attention_element(s.query_row, p.num_heads, head, seen.begin), scores, width);
  T* out = p.out.row<T>(s.query_row) + s.query_column;
  for (int64_t c = 0; c < s.size; c += kLanes) {
    Vec total = hn::Zero(d);
    for (int64_t j = 0; j < seen.size(); ++j)
      total = hn::MulAdd(hn::Set(d, scores[j]), LoadPart(p.v.row<const T>(row_of(j)) + s.key_column + c, s.size - c), total);
    StorePart(hn::Mul(total, hn::Set(d, factor)), out + c, s.size - c);
  }
}
void AttentionFlash(const AttentionParams& p) {
  const std::vector<ForwardTask> tasks = forward_tasks(p, kTaskRows, kQueryRows);
  const int group = p.num_heads / p.num_key_value_heads;
  with_type(p.q.dtype, [&](auto* type) {
    parallel_for(static_cast<int64_t>(tasks.size()), [&](int64_t i) HWY_ATTR {
      using T = std::remove_pointer_t<decltype(type)>;
      const ForwardTask& task = tasks[static_cast<size_t>(i)];
      if (p.queries.length[task.segment] > 1 || p.log_sum_exp) return Forward<T>(p, task).Run();
      for (int head = task.key_head * group; head < (task.key_head + 1) * group; ++head) SingleQuery<T>(p, task.segment, head);
    });
  });
}

// Rows of the weights, rebuilt from the saved log-sum-exp.
void AttentionMap(const AttentionMapParams& m) {
  const AttentionParams& p = m.forward;
  const HeadOfSequence s(p, m.segment, m.head);
  with_type(p.q.dtype, [&](auto* type) HWY_ATTR {
    using T = std::remove_pointer_t<decltype(type)>;
    float* keys_t = scratch(Scratch::keys, kKeyTile * s.size);
    float *q = scratch(Scratch::queries, s.size + kLanes), *row = scratch(Scratch::scores, kKeyTile);
    for (int64_t begin = 0; begin < s.keys; begin += kKeyTile) {
      const KeyRange tile{begin, std::min(s.keys, begin + kKeyTile)};
      const HeadRows k = KeyRows<T>(p, p.k, m.segment, s, tile);
      PackAll(k.data, 1, k.step, s.size, tile.size(), keys_t);
      for (int64_t row_of_map = 0; row_of_map < m.weights.rows; ++row_of_map) {
        const int64_t i = m.first_query + row_of_map;
        const HeadRows query = QueryRows<T>(p.q, s, i, 1, q);
        SmallGemm(query.data, query.step, 1, keys_t, s.size, 1, tile.size(), s.size, row, kKeyTile, false);
        SavedWeights(p, s, i, tile, RoundUp(tile.size(), kPanel), row, nullptr);
        std::memcpy(m.weights.row<float>(row_of_map) + begin, row, static_cast<size_t>(tile.size()) * sizeof(float));
      }
    }
  });
}

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qkv::cpu {
HWY_EXPORT(AttentionFlash);
HWY_EXPORT(AttentionMap);
void attention_flash(const AttentionParams& p) { HWY_DYNAMIC_DISPATCH(AttentionFlash)(p); }
void attention_flash_map(const AttentionMapParams& p) { HWY_DYNAMIC_DISPATCH(AttentionMap)(p); }
}  // namespace qkv::cpu
#endif
