// Attention backward on bf16 tiles (attention_bf16.h): thread partitioning and prefetching.
#include "base/parallel.h"
#include "kernels/cpu/attention/attention_bf16.h"
#include "kernels/cpu/attention/attention_bf16_backward-inl.h"
#include "kernels/cpu/cpu.h"

QKV_BF16_BEGIN
namespace qkv::cpu {
namespace {

void run_chunk(const AttentionBackwardParams& b, const Unit& unit, int64_t chunk, Turns* turns, Prefetcher& ahead, int64_t steps) {
  if (current_isa() == Isa::amx) {
    Bf16AttentionBackward<AmxTiles>(b, unit, chunk, turns, ahead, steps).run();
  } else {
    Bf16AttentionBackward<Avx512Tiles>(b, unit, chunk, turns, ahead, steps).run();
  }
}

// Everything that a unit reads and writes.
Prefetcher rows_of(const AttentionBackwardParams& b, const Unit& unit) {
  const AttentionParams& p = b.forward;
  const HeadOfSequence s(p, unit.segment, unit.key_head * (p.num_heads / p.num_key_value_heads));
  Prefetcher rows;
  for (const View& x : {p.q, b.dout, p.out, p.out_rest}) rows.add(x, s.query_row, s.queries, s.query_column, s.group * s.size, false);
  for (const View& x : {p.k, p.v}) rows.add(x, p.keys.begin[unit.segment], s.keys, s.key_column, s.size, false);
  for (const View& x : {b.dk, b.dv}) rows.add(x, p.keys.begin[unit.segment], s.keys, s.key_column, s.size, true);
  rows.add(b.dq, s.query_row, s.queries, s.query_column, s.group * s.size, true);
  return rows;
}

}  // namespace
}  // namespace qkv::cpu
QKV_BF16_END

namespace qkv::cpu {
namespace {

// Each unit is computed by one thread, its queries in that thread's cache. Rows of the next unit are prefetched only for sequences of one
// block, which finish too quickly otherwise: 8 to 40 tokens are 1.1 to 1.3 times as fast with prefetching, 64 to 512 tokens 1.04 to 1.1
// times as fast without.
void run_units(const AttentionBackwardParams& b, const std::vector<Unit>& units) {
  const auto count = static_cast<int64_t>(units.size()), run = units_per_task(count, b.forward.num_key_value_heads);
  parallel_for((count + run - 1) / run, [&](int64_t task) {
    const TileRegisters tiles;
    for (int64_t i = task * run; i < std::min(count, (task + 1) * run); ++i) {
      Unit unit = units[static_cast<size_t>(i)];
      unit.blocks.place(scratch_bytes(Scratch::queries, unit.blocks.bytes()));
      Prefetcher ahead;
      const int64_t next = unit_after(i, run);
      if (next < count && unit.blocks.rows == 1) ahead = rows_of(b, units[static_cast<size_t>(next)]);
      // About half of a causal sequence's strips are masked.
      const int64_t strips = (b.forward.keys.length[unit.segment] + kStripKeys - 1) / kStripKeys,
                    parts = unit.blocks.count * (2 + (b.forward.causal ? strips : 2 * strips)),
                    steps = ahead.rows() / std::max<int64_t>(1, parts) + 1;
      for (int64_t block = 0; block < unit.blocks.count; ++block) {
        pack_queries(b, unit, block);
        ahead.step(steps);
      }
      for (int64_t chunk = 0; chunk < unit.chunks; ++chunk) run_chunk(b, unit, chunk, nullptr, ahead, steps);
      for (int64_t block = 0; block < unit.blocks.count; ++block) {
        ahead.step(steps);
        store_query_gradients(b, unit, block);
      }
    }
  });
}

// All threads work on one unit after the other, a chunk of keys at a time; chunks add to dQ in their order.
void run_chunks(const AttentionBackwardParams& b, std::vector<Unit>& units) {
  for (Unit& unit : units) {
    unit.blocks.place(scratch_bytes(Scratch::queries, unit.blocks.bytes()));
    Turns turns(static_cast<size_t>(unit.blocks.count));
    parallel_for(unit.blocks.count, [&](int64_t block) { pack_queries(b, unit, block); });
    parallel_for(unit.chunks, [&](int64_t chunk) {
      try {
        const TileRegisters tiles;
        Prefetcher nothing;
        run_chunk(b, unit, chunk, &turns, nothing, 0);
      } catch (...) {
        turns.give_up();
        throw;
      }
    });
    parallel_for(unit.blocks.count, [&](int64_t block) { store_query_gradients(b, unit, block); });
  }
}

// Gradient of the distance bias: adds up the chunks' sums in their order.
void add_bias_sums(const AttentionBackwardParams& b, const std::vector<Unit>& units) {
  const int64_t columns = b.d_distance_bias.cols, group = b.forward.num_heads / b.forward.num_key_value_heads;
  for (int head = 0; head < b.forward.num_heads; ++head) std::fill_n(b.d_distance_bias.row<float>(head), columns, 0.0f);
  for (const Unit& unit : units) {
    for (int64_t i = 0; i < unit.chunks * group; ++i) {
      float* sums = b.d_distance_bias.row<float>(unit.key_head * group + i % group);
      for (int64_t c = 0; c < columns; ++c) sums[c] += unit.bias_sums[i * columns + c];
    }
  }
}

}  // namespace

void attention_bf16_backward(const AttentionBackwardParams& b) {
  const AttentionParams& p = b.forward;
  const int64_t group = p.num_heads / p.num_key_value_heads;
  std::vector<Unit> units;
  int64_t bias_floats = 0;
  const int64_t columns = b.d_distance_bias ? p.distance_bias.cols : 0;
  for (int64_t segment = 0; segment < p.queries.count; ++segment) {
    for (int head = 0; head < p.num_key_value_heads; ++head) {
      const HeadOfSequence s(p, segment, head * static_cast<int>(group));
      const int64_t chunk_keys = keys_at_a_time(s.keys);
      units.push_back({segment, head, chunk_keys, (s.keys + chunk_keys - 1) / chunk_keys, QueryBlocks(s)});
      bias_floats += units.back().chunks * group * columns;
    }
  }
  float* sums = scratch(Scratch::sums, bias_floats);
  std::fill_n(sums, bias_floats, 0.0f);
  for (Unit& unit : units) {
    if (columns) unit.bias_sums = sums;
    sums += unit.chunks * group * columns;
  }
  if (static_cast<int64_t>(units.size()) >= 4 * num_threads()) {
    run_units(b, units);
  } else {
    run_chunks(b, units);
  }
  if (columns) add_bias_sums(b, units);
}

}  // namespace qkv::cpu
