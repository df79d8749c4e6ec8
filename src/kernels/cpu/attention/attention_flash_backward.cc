// Attention backward (Dao et al. 2022, B.2), one task per tile of keys: P from the saved log-sum-exp, then dV += P^T dO, dP = dO V^T, dS =
// P * (dP - D) with D = rowsum(dO * O), dQ += dS K, dK += dS^T Q. dK and dV belong to the task; tiles add to dQ in their order, so that the
// result does not depend on the threads.
//
// Bound by the five products of a score, 10 * head size operations.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention/attention_flash_backward.cc"
#include <hwy/foreach_target.h>
//
#include <vector>

#include "kernels/cpu/attention/attention-inl.h"
#include "kernels/cpu/attention/attention_turns.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/vector/flat.h"

HWY_BEFORE_NAMESPACE();
namespace qkv::cpu::HWY_NAMESPACE {

// One tile of keys and values of one key/value head.
struct BackwardTask {
  int64_t segment;
  int key_head;
  int64_t tile, tiles;   // index of the tile; number of tiles
  size_t first_turn;     // turn of block 0 of the group's first head; only used with several tiles
  float* dq;             // [group][queries][size rounded up to panels] sums in f32; null if dQ itself holds them
  float* distance_bias;  // [group][columns] sums of this task; null: not wanted
};

template <typename T>
class FlashBackward {
 public:
  FlashBackward(const AttentionBackwardParams& params, const BackwardTask& of, Turns& order)
      : params_(params),
        forward_(params.forward),
        task_(of),
        turns_(order),
        head_(forward_, of.segment, of.key_head * (forward_.num_heads / forward_.num_key_value_heads)),
        tile_{of.tile * kKeyTile, std::min(head_.keys, (of.tile + 1) * kKeyTile)},
        blocks_((head_.queries + kQueryRows - 1) / kQueryRows),
        step_(round_up(head_.size, kPanel)),
        score_step_(padded_score_step(tile_.size())),
        mask_(forward_.dropout) {
    keys_t_ = scratch(Scratch::keys, (2 * head_.size + step_) * kKeyTile);
    values_t_ = keys_t_ + kKeyTile * head_.size;
    keys_ = values_t_ + kKeyTile * head_.size;
    q_ = scratch(Scratch::queries, 2 * kQueryRows * head_.size + kLanes);
    dout_ = q_ + kQueryRows * head_.size;
    weights_ = scratch(Scratch::scores, (2 * kQueryRows + 1) * score_step_);
    gradients_ = weights_ + kQueryRows * score_step_;
    slopes_ = gradients_ + kQueryRows * score_step_;
    panel_of_q_ = scratch(Scratch::query_panels, 3 * kQueryRows * step_);
    panel_of_dout_ = panel_of_q_ + kQueryRows * step_;
    dq_ = panel_of_dout_ + kQueryRows * step_;
    dk_ = scratch(Scratch::key_gradients, 2 * kKeyTile * step_);
    dv_ = dk_ + kKeyTile * step_;
  }

  void run() {
    const HeadRows k = key_rows<T>(forward_, forward_.k, task_.segment, head_, tile_);
    pack_all(k.data, 1, k.step, head_.size, tile_.size(), keys_t_);
    pack_all(k.data, k.step, 1, tile_.size(), head_.size, keys_);
    const HeadRows v = key_rows<T>(forward_, forward_.v, task_.segment, head_, tile_);
    pack_all(v.data, 1, v.step, head_.size, tile_.size(), values_t_);
    for (float* sums : {dk_, dv_}) std::memset(sums, 0, static_cast<size_t>(tile_.size() * step_) * sizeof(float));
    for (int64_t member = 0; member < head_.group; ++member) {
      head_.set_head(static_cast<int>(task_.key_head * head_.group + member));
      for (int64_t block = 0; block < blocks_; ++block) add_block(member, block);
    }
    const int64_t begin = forward_.keys.begin[task_.segment] + tile_.begin;
    store_rows<T>(dk_, step_, params_.dk, begin, tile_.size(), head_.key_column, head_.size, false,
                  [&](int64_t) { return forward_.scale; });
    store_rows<T>(dv_, step_, params_.dv, begin, tile_.size(), head_.key_column, head_.size, false, [](int64_t) { return 1.0f; });
  }

 private:
  void add_block(int64_t member, int64_t block) {
    const int64_t first = block * kQueryRows, count = std::min(kQueryRows, head_.queries - first);
    const KeyRange seen = head_.visible(forward_, first, first + count, tile_);
    if (seen.size() == 0) return;
    const int64_t end = seen.end - tile_.begin, width = round_up(end, kPanel);
    const HeadRows rows_of_q = query_rows<T>(forward_.q, head_, first, count, q_),
                   rows_of_dout = query_rows<T>(params_.dout, head_, first, count, dout_);
    small_gemm(rows_of_q.data, rows_of_q.step, 1, keys_t_, head_.size, count, end, head_.size, weights_, score_step_, false);
    small_gemm(rows_of_dout.data, rows_of_dout.step, 1, values_t_, head_.size, count, end, head_.size, gradients_, score_step_, false);
    for (int64_t i = 0; i < count; ++i) differentiate_row(member, first, i, width, rows_of_dout);
    pack_all(rows_of_q.data, rows_of_q.step, 1, count, head_.size, panel_of_q_);
    pack_all(rows_of_dout.data, rows_of_dout.step, 1, count, head_.size, panel_of_dout_);
    small_gemm(weights_, 1, score_step_, panel_of_dout_, count, end, head_.size, count, dv_, step_, true);
    small_gemm(gradients_, 1, score_step_, panel_of_q_, count, end, head_.size, count, dk_, step_, true);
    small_gemm(gradients_, score_step_, 1, keys_, tile_.size(), count, head_.size, end, dq_, step_, false);
    add_to_dq(member, block, first, count);
  }

  // Row i: gradients <- dS, weights <- P after dropout, for the product with dO. D is the row sum of dO * O.
  void differentiate_row(int64_t member, int64_t first, int64_t i, int64_t width, const HeadRows& rows_of_dout) {
    const F32 d;
    const int64_t query = first + i;
    float *weight = weights_ + i * score_step_, *row = gradients_ + i * score_step_;
    const KeyRange seen = rebuild_weights(forward_, head_, query, tile_, width, weight, slopes_);
    const uint64_t element = attention_element(head_.query_row + query, forward_.num_heads, head_.head, tile_.begin);
    if (mask_.active()) drop_row(mask_, element, row, width);
    Vec dot = hn::Zero(d);
    const T* out = forward_.out.row<const T>(head_.query_row + query) + head_.query_column;
    const bf16* rest = forward_.out_rest ? forward_.out_rest.row<const bf16>(head_.query_row + query) + head_.query_column : nullptr;
    for (int64_t c = 0; c < head_.size; c += kLanes) {
      const size_t left = static_cast<size_t>(head_.size - c);
      const Vec o = rest ? hn::Add(load_part(out + c, left), load_part(rest + c, left)) : load_part(out + c, left);
      dot = hn::MulAdd(load_part(rows_of_dout.data + i * rows_of_dout.step + c, left), o, dot);
    }
    float* bias_sums = task_.distance_bias ? task_.distance_bias + member * forward_.distance_bias.cols + forward_.distance_origin -
                                                 head_.position(query) + tile_.begin
                                           : nullptr;
    score_gradients(weight, row, seen, width, hn::GetLane(hn::SumOfLanes(d, dot)), forward_.softcap != 0 ? slopes_ : nullptr, bias_sums);
    if (mask_.active()) drop_row(mask_, element, weight, width);
  }

  // Adds dq, this tile's part of a block of dQ, to the tensor once the earlier tiles have added theirs.
  void add_to_dq(int64_t member, int64_t block, int64_t first, int64_t count) {
    const auto scale = [&](int64_t) { return forward_.scale; };
    if (task_.tiles == 1)
      return store_rows<T>(dq_, step_, params_.dq, head_.query_row + first, count, head_.query_column, head_.size, false, scale);
    const KeyRange seen = head_.visible(forward_, first, first + count, {0, head_.keys});
    const int64_t first_tile = seen.begin / kKeyTile, last_tile = (seen.end - 1) / kKeyTile;
    const size_t turn = task_.first_turn + static_cast<size_t>(member * blocks_ + block);
    turns_.wait_for(turn, task_.tile - first_tile);
    const bool add = task_.tile > first_tile;
    if (!task_.dq) {
      store_rows<T>(dq_, step_, params_.dq, head_.query_row + first, count, head_.query_column, head_.size, add, scale);
    } else {
      const View sums{task_.dq, head_.group * head_.queries, head_.size, step_, DType::f32};
      const int64_t row = member * head_.queries + first;
      store_rows<float>(dq_, step_, sums, row, count, 0, head_.size, add, scale);
      if (task_.tile == last_tile) {
        store_rows<T>(sums.row<float>(row), step_, params_.dq, head_.query_row + first, count, head_.query_column, head_.size, false,
                      [](int64_t) { return 1.0f; });
      }
    }
    turns_.pass_on(turn);
  }

  const AttentionBackwardParams& params_;
  const AttentionParams& forward_;
  const BackwardTask& task_;
  Turns& turns_;
  HeadOfSequence head_;
  KeyRange tile_;
  int64_t blocks_, step_, score_step_;  // blocks of queries; head size rounded up to panels
  DropoutChunk mask_;
  float *keys_t_, *values_t_, *keys_;                     // panels of K^T, V^T and K
  float *q_, *dout_, *weights_, *gradients_, *slopes_;    // [kQueryRows][size] twice, [kQueryRows][score_step] twice, [score_step]
  float *panel_of_q_, *panel_of_dout_, *dq_, *dk_, *dv_;  // [kQueryRows][step] three times, [kKeyTile][step] twice
};

// Blocks of queries that see no key belong to no task; their dQ is zero.
template <typename T>
void zero_unseen(const AttentionBackwardParams& b) {
  const AttentionParams& p = b.forward;
  for (int64_t segment = 0; segment < p.queries.count; ++segment) {
    const HeadOfSequence s(p, segment, 0);
    for (int64_t i = 0; i < s.queries; i += kQueryRows) {
      const int64_t last = std::min(s.queries, i + kQueryRows);
      if (s.visible(p, i, last, {0, s.keys}).size() > 0) continue;
      for (int64_t r = i; r < last; ++r)
        std::memset(static_cast<void*>(b.dq.row<T>(s.query_row + r)), 0, static_cast<size_t>(b.dq.cols) * sizeof(T));
    }
  }
}

void attention_flash_backward(const AttentionBackwardParams& b) {
  const AttentionParams& p = b.forward;
  const int64_t group = p.num_heads / p.num_key_value_heads, size = p.q.cols / p.num_heads;
  // Number of floats for the sums of dQ of a key/value head; 0 if dQ holds them itself.
  const auto dq_floats = [&](const BackwardTask& task) {
    return task.tiles > 1 && p.q.dtype != DType::f32 ? group * p.queries.length[task.segment] * round_up(size, kPanel) : 0;
  };
  std::vector<BackwardTask> tasks;
  std::vector<size_t> heads;  // the first task of each head
  int64_t turn_count = 0, all_dq_floats = 0;
  for (int64_t segment = 0; segment < p.queries.count; ++segment) {
    const int64_t blocks = (p.queries.length[segment] + kQueryRows - 1) / kQueryRows;
    const int64_t tiles = (p.keys.length[segment] + kKeyTile - 1) / kKeyTile;
    for (int head = 0; head < p.num_key_value_heads; ++head) {
      if (tiles > 0) heads.push_back(tasks.size());
      for (int64_t tile = 0; tile < tiles; ++tile)
        tasks.push_back({segment, head, tile, tiles, static_cast<size_t>(turn_count), nullptr, nullptr});
      if (tiles == 0) continue;
      if (tiles > 1) turn_count += group * blocks;
      all_dq_floats += dq_floats(tasks.back());
    }
  }
  // [tasks][group][columns] for the bias, followed by the sums of dQ.
  const int64_t columns = b.d_distance_bias ? p.distance_bias.cols : 0, bias_floats = static_cast<int64_t>(tasks.size()) * group * columns;
  float* const biases = scratch(Scratch::sums, bias_floats + all_dq_floats);
  std::fill(biases, biases + bias_floats, 0.0f);
  float *bias = biases, *dq = biases + bias_floats;
  for (BackwardTask& task : tasks) {
    if (columns) task.distance_bias = bias;
    bias += group * columns;
    if (dq_floats(task) > 0) task.dq = dq;
    if (task.tile + 1 == task.tiles) dq += dq_floats(task);
  }
  Turns turns(static_cast<size_t>(turn_count));
  with_type(p.q.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    zero_unseen<T>(b);
    // With many heads each thread takes whole heads; otherwise the tiles of a head would wait for each other's turns (16 x 8 x 512 causal
    // with AVX-512, two threads, both ways: 1.57 -> 1.88 times PyTorch in f32).
    const bool whole_heads = static_cast<int64_t>(heads.size()) >= 4 * num_threads();
    parallel_for(static_cast<int64_t>(whole_heads ? heads.size() : tasks.size()), [&](int64_t i) HWY_ATTR {
      try {
        const size_t first = whole_heads ? heads[static_cast<size_t>(i)] : static_cast<size_t>(i);
        const size_t last = first + (whole_heads ? static_cast<size_t>(tasks[first].tiles) : 1);
        for (size_t task = first; task < last; ++task) FlashBackward<T>(b, tasks[task], turns).run();
      } catch (...) {
        turns.give_up();
        throw;
      }
    });
  });
  if (columns) add_bias_sums(b, tasks);
}

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qkv::cpu {
HWY_EXPORT(attention_flash_backward);
void attention_flash_backward(const AttentionBackwardParams& p) { HWY_DYNAMIC_DISPATCH(attention_flash_backward)(p); }
}  // namespace qkv::cpu
#endif
