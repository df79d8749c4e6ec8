// Attention backward (Dao et al. 2022, B.2), a task per tile of keys: P from the saved log-sum-exp, then dV += P^T dO, dP = dO V^T,
// dS = P * (dP - D) with D = rowsum(dO * O), dQ += dS K, dK += dS^T Q. dK and dV belong to the task; dQ takes the tiles' sums in the order
// of the tiles, whichever thread is first, so that the result does not depend on the threads.
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

// One tile of keys and the values of one key/value head.
struct BackwardTask {
  int64_t segment;
  int key_head;
  int64_t tile, tiles;   // the tile's number, of how many
  size_t first_turn;     // of block 0 of the group's first head; only where there are several tiles
  float* dq;             // [group][queries][size rounded up to panels] sums in f32; null where dQ itself holds them
  float* distance_bias;  // [group][columns] sums of this task; null: not wanted
};

template <typename T>
class Backward {
 public:
  Backward(const AttentionBackwardParams& params, const BackwardTask& of, Turns& order)
      : b(params),
        p(params.forward),
        task(of),
        turns(order),
        s(p, of.segment, of.key_head * (p.num_heads / p.num_key_value_heads)),
        tile{of.tile * kKeyTile, std::min(s.keys, (of.tile + 1) * kKeyTile)},
        blocks((s.queries + kQueryRows - 1) / kQueryRows),
        step(RoundUp(s.size, kPanel)),
        score_step(ScoreStep(tile.size())),
        mask(p.dropout) {
    keys_t = scratch(Scratch::keys, (2 * s.size + step) * kKeyTile);
    values_t = keys_t + kKeyTile * s.size;
    keys = values_t + kKeyTile * s.size;
    q = scratch(Scratch::queries, 2 * kQueryRows * s.size + kLanes);
    dout = q + kQueryRows * s.size;
    weights = scratch(Scratch::scores, (2 * kQueryRows + 1) * score_step);
    gradients = weights + kQueryRows * score_step;
    slopes = gradients + kQueryRows * score_step;
    panel_of_q = scratch(Scratch::outputs, 3 * kQueryRows * step);
    panel_of_dout = panel_of_q + kQueryRows * step;
    dq = panel_of_dout + kQueryRows * step;
    dk = scratch(Scratch::output_gradients, 2 * kKeyTile * step);
    dv = dk + kKeyTile * step;
  }

  void Run() {
    const HeadRows k = KeyRows<T>(p, p.k, task.segment, s, tile);
    PackAll(k.data, 1, k.step, s.size, tile.size(), keys_t);
    PackAll(k.data, k.step, 1, tile.size(), s.size, keys);
    const HeadRows v = KeyRows<T>(p, p.v, task.segment, s, tile);
    PackAll(v.data, 1, v.step, s.size, tile.size(), values_t);
    for (float* sums : {dk, dv}) std::memset(sums, 0, static_cast<size_t>(tile.size() * step) * sizeof(float));
    for (member = 0; member < s.group; ++member) {
      s.set_head(static_cast<int>(task.key_head * s.group + member));
      for (int64_t block = 0; block < blocks; ++block) Block(block);
    }
    const int64_t begin = p.keys.begin[task.segment] + tile.begin;
    StoreRows<T>(dk, step, b.dk, begin, tile.size(), s.key_column, s.size, false, [&](int64_t) { return p.scale; });
    StoreRows<T>(dv, step, b.dv, begin, tile.size(), s.key_column, s.size, false, [](int64_t) { return 1.0f; });
  }

 private:
  void Block(int64_t block) {
    const int64_t first = block * kQueryRows, count = std::min(kQueryRows, s.queries - first);
    const KeyRange seen = s.visible(p, first, first + count, tile);
    if (seen.size() == 0) return;
    const int64_t end = seen.end - tile.begin, width = RoundUp(end, kPanel);
    const HeadRows rows_of_q = QueryRows<T>(p.q, s, first, count, q), rows_of_dout = QueryRows<T>(b.dout, s, first, count, dout);
    SmallGemm(rows_of_q.data, rows_of_q.step, 1, keys_t, s.size, count, end, s.size, weights, score_step, false);
    SmallGemm(rows_of_dout.data, rows_of_dout.step, 1, values_t, s.size, count, end, s.size, gradients, score_step, false);
    for (int64_t i = 0; i < count; ++i) Row(first, i, width, rows_of_dout);
    PackAll(rows_of_q.data, rows_of_q.step, 1, count, s.size, panel_of_q);
    PackAll(rows_of_dout.data, rows_of_dout.step, 1, count, s.size, panel_of_dout);
    SmallGemm(weights, 1, score_step, panel_of_dout, count, end, s.size, count, dv, step, true);
    SmallGemm(gradients, 1, score_step, panel_of_q, count, end, s.size, count, dk, step, true);
    SmallGemm(gradients, score_step, 1, keys, tile.size(), count, s.size, end, dq, step, false);
    AddToQueries(block, first, count);
  }

  // Row i: gradients <- dS, weights <- drop(P), for the product with dO. D is the row sum of dO * O.
  void Row(int64_t first, int64_t i, int64_t width, const HeadRows& rows_of_dout) {
    const F32 d;
    const int64_t query = first + i;
    float *weight = weights + i * score_step, *row = gradients + i * score_step;
    const KeyRange seen = SavedWeights(p, s, query, tile, width, weight, slopes);
    const uint64_t element = attention_element(s.query_row + query, p.num_heads, s.head, tile.begin);
    if (mask.active()) DropRow(mask, element, row, width);
    Vec dot = hn::Zero(d);
    const T* out = p.out.row<const T>(s.query_row + query) + s.query_column;
    const bf16* rest = p.out_rest ? p.out_rest.row<const bf16>(s.query_row + query) + s.query_column : nullptr;
    for (int64_t c = 0; c < s.size; c += kLanes) {
      const size_t left = static_cast<size_t>(s.size - c);
      const Vec o = rest ? hn::Add(LoadPart(out + c, left), LoadPart(rest + c, left)) : LoadPart(out + c, left);
      dot = hn::MulAdd(LoadPart(rows_of_dout.data + i * rows_of_dout.step + c, left), o, dot);
    }
    float* bias_sums = task.distance_bias
                           ? task.distance_bias + member * p.distance_bias.cols + p.distance_origin - s.position(query) + tile.begin
                           : nullptr;
    ScoreGradients(weight, row, seen, width, hn::GetLane(hn::SumOfLanes(d, dot)), p.softcap != 0 ? slopes : nullptr, bias_sums);
    if (mask.active()) DropRow(mask, element, weight, width);
  }

  // dq, this tile's part of a block of dQ, to where it belongs, when the tiles before have added theirs.
  void AddToQueries(int64_t block, int64_t first, int64_t count) {
    const auto scale = [&](int64_t) { return p.scale; };
    if (task.tiles == 1) return StoreRows<T>(dq, step, b.dq, s.query_row + first, count, s.query_column, s.size, false, scale);
    const KeyRange seen = s.visible(p, first, first + count, {0, s.keys});
    const int64_t first_tile = seen.begin / kKeyTile, last_tile = (seen.end - 1) / kKeyTile;
    const size_t turn = task.first_turn + static_cast<size_t>(member * blocks + block);
    turns.wait_for(turn, task.tile - first_tile);
    const bool add = task.tile > first_tile;
    if (!task.dq) {
      StoreRows<T>(dq, step, b.dq, s.query_row + first, count, s.query_column, s.size, add, scale);
    } else {
      const View sums{task.dq, s.group * s.queries, s.size, step, DType::f32};
      const int64_t row = member * s.queries + first;
      StoreRows<float>(dq, step, sums, row, count, 0, s.size, add, scale);
      if (task.tile == last_tile) {
        StoreRows<T>(sums.row<float>(row), step, b.dq, s.query_row + first, count, s.query_column, s.size, false,
                     [](int64_t) { return 1.0f; });
      }
    }
    turns.pass_on(turn);
  }

  const AttentionBackwardParams& b;
  const AttentionParams& p;
  const BackwardTask& task;
  Turns& turns;
  HeadOfSequence s;
  KeyRange tile;
  int64_t blocks, step, score_step, member = 0;  // blocks of queries; head size rounded up to panels; head within the group
  DropoutChunk mask;
  float *keys_t, *values_t, *keys;                   // panels of K^T, V^T and K
  float *q, *dout, *weights, *gradients, *slopes;    // [kQueryRows][size] twice, [kQueryRows][score_step] twice, [score_step]
  float *panel_of_q, *panel_of_dout, *dq, *dk, *dv;  // [kQueryRows][step] three times, [kKeyTile][step] twice
};

// Blocks of queries that see no key are in no task: their dQ is zero.
template <typename T>
void ZeroUnseen(const AttentionBackwardParams& b) {
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

void AttentionFlashBackward(const AttentionBackwardParams& b) {
  const AttentionParams& p = b.forward;
  const int64_t group = p.num_heads / p.num_key_value_heads, size = p.q.cols / p.num_heads;
  // How many floats of dQ's sums a key/value head has: none where dQ takes them itself.
  const auto dq_floats = [&](const BackwardTask& task) {
    return task.tiles > 1 && p.q.dtype != DType::f32 ? group * p.queries.length[task.segment] * RoundUp(size, kPanel) : 0;
  };
  std::vector<BackwardTask> tasks;
  std::vector<size_t> heads;  // the first task of each
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
  // [tasks][group][columns], then the sums of dQ.
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
    ZeroUnseen<T>(b);
    // Of many heads each thread takes whole ones: the tiles of a head would wait for each other's turns (16 x 8 x 512 causal with AVX-512,
    // two threads, both ways: 1.57 -> 1.88 times PyTorch in f32).
    const bool whole_heads = static_cast<int64_t>(heads.size()) >= 4 * num_threads();
    parallel_for(static_cast<int64_t>(whole_heads ? heads.size() : tasks.size()), [&](int64_t i) HWY_ATTR {
      try {
        const size_t first = whole_heads ? heads[static_cast<size_t>(i)] : static_cast<size_t>(i);
        const size_t last = first + (whole_heads ? static_cast<size_t>(tasks[first].tiles) : 1);
        for (size_t task = first; task < last; ++task) Backward<T>(b, tasks[task], turns).Run();
      } catch (...) {
        turns.give_up();
        throw;
      }
    });
  });
  if (columns) AddBiasSums(b, tasks);
}

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qkv::cpu {
HWY_EXPORT(AttentionFlashBackward);
void attention_flash_backward(const AttentionBackwardParams& p) { HWY_DYNAMIC_DISPATCH(AttentionFlashBackward)(p); }
}  // namespace qkv::cpu
#endif
