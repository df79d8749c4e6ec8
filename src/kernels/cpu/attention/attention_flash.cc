// Attention forward (FlashAttention: Dao et al. 2022, algorithm 1). Tiles of keys are processed in turn; each query keeps its partial
// output, its largest score and its sum of exponentials. The N x N matrix is never formed: memory is O(tokens), and only the log-sum-exp is
// saved.
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
class FlashForward {
 public:
  FlashForward(const AttentionParams& params, const ForwardTask& of)
      : params_(params),
        task_(of),
        head_(params_, of.segment, of.key_head * (params_.num_heads / params_.num_key_value_heads)),
        step_(round_up(head_.size, kPanel)),
        rows_(of.last - of.first),
        mask_(params_.dropout) {
    outputs_ = scratch(Scratch::outputs, head_.group * rows_ * (step_ + 2));
    largest_ = outputs_ + head_.group * rows_ * step_;
    sums_ = largest_ + head_.group * rows_;
    scores_ = scratch(Scratch::scores, kQueryRows * padded_score_step(kKeyTile));
    queries_ = scratch(Scratch::queries, kQueryRows * head_.size + kLanes);
    keys_t_ = scratch(Scratch::keys, kKeyTile * head_.size);
    values_ = scratch(Scratch::values, step_ * kKeyTile);
  }

  void run() {
    std::memset(outputs_, 0, static_cast<size_t>(head_.group * rows_ * step_) * sizeof(float));
    std::fill(largest_, largest_ + head_.group * rows_, -INFINITY);
    std::fill(sums_, sums_ + head_.group * rows_, 0.0f);
    const KeyRange all = head_.visible(params_, task_.first, task_.last, {0, head_.keys});
    for (int64_t begin = all.begin / kKeyTile * kKeyTile; begin < all.end; begin += kKeyTile) {
      const KeyRange tile{begin, std::min(head_.keys, begin + kKeyTile)};
      pack(tile);
      for (int64_t member = 0; member < head_.group; ++member) {
        head_.set_head(static_cast<int>(task_.key_head * head_.group + member));
        for (int64_t first = 0; first < rows_; first += kQueryRows)
          add_block(tile, member * rows_, first, std::min(kQueryRows, rows_ - first));
      }
    }
    for (int64_t member = 0; member < head_.group; ++member) {
      head_.set_head(static_cast<int>(task_.key_head * head_.group + member));
      finish(member * rows_);
    }
  }

 private:
  void pack(KeyRange tile) {
    const HeadRows k = key_rows<T>(params_, params_.k, task_.segment, head_, tile);
    pack_all(k.data, 1, k.step, head_.size, tile.size(), keys_t_);
    const HeadRows v = key_rows<T>(params_, params_.v, task_.segment, head_, tile);
    pack_all(v.data, v.step, 1, tile.size(), head_.size, values_);
  }

  // Scores `count` queries against the tile and adds to their outputs. `place`: the first row of this head in the buffers.
  void add_block(KeyRange tile, int64_t place, int64_t first, int64_t count) {
    const KeyRange seen = head_.visible(params_, task_.first + first, task_.first + first + count, tile);
    if (seen.size() == 0) return;
    const int64_t end = seen.end - tile.begin, width = round_up(end, kPanel);
    const int64_t score_step = padded_score_step(tile.size());
    const HeadRows q = query_rows<T>(params_.q, head_, task_.first + first, count, queries_);
    small_gemm(q.data, q.step, 1, keys_t_, head_.size, count, end, head_.size, scores_, score_step, false);
    for (int64_t i = 0; i < count; ++i) weigh(tile, place + first + i, task_.first + first + i, scores_ + i * score_step, width);
    small_gemm(scores_, score_step, 1, values_, tile.size(), count, head_.size, end, outputs_ + (place + first) * step_, step_, true);
  }

  // Turns scores of one query into weights relative to its largest score so far; rescales earlier sums if the maximum has grown.
  void weigh(KeyRange tile, int64_t place, int64_t query, float* row, int64_t width) {
    const KeyRange seen = head_.visible(params_, query, query + 1, tile);
    const int64_t from = seen.begin - tile.begin, to = seen.end - tile.begin;
    if (from >= to) {
      std::memset(row, 0, static_cast<size_t>(width) * sizeof(float));
      return;
    }
    const ScoreRules rules(params_, head_, query);
    rules.apply(row, tile.begin, from, to, nullptr);
    const float here = largest_of(row + from, to - from);
    if (here > largest_[place]) {
      if (sums_[place] > 0) {
        const float shrink = std::exp(rules.left_scale() * (largest_[place] - here));
        sums_[place] *= shrink;
        scale_row(outputs_ + place * step_, step_, shrink);
      }
      largest_[place] = here;
    }
    sums_[place] += exponentials(row, from, to, width, rules.left_scale(), largest_[place], 0);
    if (mask_.active()) drop_row(mask_, attention_element(head_.query_row + query, params_.num_heads, head_.head, tile.begin), row, width);
  }

  void finish(int64_t place) {
    store_output<T>(params_, head_, outputs_ + place * step_, step_, task_.first, rows_,
                    [&](int64_t r) { return sums_[place + r] > 0 ? 1 / sums_[place + r] : 0.0f; });
    for (int64_t r = 0; r < rows_; ++r) save_row(params_, head_, task_.first + r, largest_[place + r], sums_[place + r]);
  }

  const AttentionParams& params_;
  const ForwardTask& task_;
  HeadOfSequence head_;
  int64_t step_, rows_;  // head size rounded up to panels; queries of the task
  DropoutChunk mask_;
  float *outputs_, *largest_, *sums_;             // [group][rows][step], [group][rows], [group][rows]
  float *scores_, *queries_, *keys_t_, *values_;  // [kQueryRows][padded_score_step], [kQueryRows][size], panels of K^T and of V
};

// One query, as in decoding: each key and value is read once in place, so packing them would cost more than the products. Lane-wise sums
// run in another order than a tile's, so a backward could not rebuild these scores to the last bit; therefore nothing is saved.
template <typename T>
void attend_single_query(const AttentionParams& p, int64_t segment, int head) {
  const F32 d;
  const HeadOfSequence s(p, segment, head);
  const KeyRange seen = s.visible(p, 0);
  const int64_t begin = p.keys.begin[segment], width = round_up(seen.size(), kPanel);
  const auto row_of = [&](int64_t j) { return p.keys.index ? p.keys.index[begin + seen.begin + j] : begin + seen.begin + j; };
  float* q = scratch(Scratch::queries, round_up(s.size, kPanel));
  for (int64_t c = 0; c < s.size; c += kLanes) store(load_part(p.q.row<const T>(s.query_row) + s.query_column + c, s.size - c), q + c);
  float* scores = scratch(Scratch::scores, width);
  for (int64_t j = 0; j < seen.size(); ++j) {
    const T* key = p.k.row<const T>(row_of(j)) + s.key_column;
    Vec dot = hn::Zero(d);
    for (int64_t c = 0; c < s.size; c += kLanes) dot = hn::MulAdd(load(q + c), load_part(key + c, s.size - c), dot);
    scores[j] = hn::GetLane(hn::SumOfLanes(d, dot));
  }
  float factor = 0;
  if (seen.size() > 0) {
    const ScoreRules rules(p, s, 0);
    rules.apply(scores, seen.begin, 0, seen.size(), nullptr);
    factor = 1 / exponentials(scores, 0, seen.size(), width, rules.left_scale(), largest_of(scores, seen.size()), 0);
  }
  DropoutChunk mask(p.dropout);
  if (mask.active()) drop_row(mask, attention_element(s.query_row, p.num_heads, head, seen.begin), scores, width);
  T* out = p.out.row<T>(s.query_row) + s.query_column;
  for (int64_t c = 0; c < s.size; c += kLanes) {
    Vec total = hn::Zero(d);
    for (int64_t j = 0; j < seen.size(); ++j)
      total = hn::MulAdd(hn::Set(d, scores[j]), load_part(p.v.row<const T>(row_of(j)) + s.key_column + c, s.size - c), total);
    store_part(hn::Mul(total, hn::Set(d, factor)), out + c, s.size - c);
  }
}
void attention_flash(const AttentionParams& p) {
  const std::vector<ForwardTask> tasks = forward_tasks(p, kTaskRows, kQueryRows);
  const int group = p.num_heads / p.num_key_value_heads;
  with_type(p.q.dtype, [&](auto* type) {
    parallel_for(static_cast<int64_t>(tasks.size()), [&](int64_t i) HWY_ATTR {
      using T = std::remove_pointer_t<decltype(type)>;
      const ForwardTask& task = tasks[static_cast<size_t>(i)];
      if (p.queries.length[task.segment] > 1 || p.log_sum_exp) return FlashForward<T>(p, task).run();
      for (int head = task.key_head * group; head < (task.key_head + 1) * group; ++head) attend_single_query<T>(p, task.segment, head);
    });
  });
}

// Rows of the attention map, rebuilt from the saved log-sum-exp.
void attention_flash_map(const AttentionMapParams& m) {
  const AttentionParams& p = m.forward;
  const HeadOfSequence s(p, m.segment, m.head);
  with_type(p.q.dtype, [&](auto* type) HWY_ATTR {
    using T = std::remove_pointer_t<decltype(type)>;
    float* keys_t = scratch(Scratch::keys, kKeyTile * s.size);
    float *q = scratch(Scratch::queries, s.size + kLanes), *row = scratch(Scratch::scores, kKeyTile);
    for (int64_t begin = 0; begin < s.keys; begin += kKeyTile) {
      const KeyRange tile{begin, std::min(s.keys, begin + kKeyTile)};
      const HeadRows k = key_rows<T>(p, p.k, m.segment, s, tile);
      pack_all(k.data, 1, k.step, s.size, tile.size(), keys_t);
      for (int64_t row_of_map = 0; row_of_map < m.weights.rows; ++row_of_map) {
        const int64_t i = m.first_query + row_of_map;
        const HeadRows query = query_rows<T>(p.q, s, i, 1, q);
        small_gemm(query.data, query.step, 1, keys_t, s.size, 1, tile.size(), s.size, row, kKeyTile, false);
        rebuild_weights(p, s, i, tile, round_up(tile.size(), kPanel), row, nullptr);
        std::memcpy(m.weights.row<float>(row_of_map) + begin, row, static_cast<size_t>(tile.size()) * sizeof(float));
      }
    }
  });
}

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qkv::cpu {
HWY_EXPORT(attention_flash);
HWY_EXPORT(attention_flash_map);
void attention_flash(const AttentionParams& p) { HWY_DYNAMIC_DISPATCH(attention_flash)(p); }
void attention_flash_map(const AttentionMapParams& p) { HWY_DYNAMIC_DISPATCH(attention_flash_map)(p); }
}  // namespace qkv::cpu
#endif
