// Attention forward on bf16 tiles (attention_bf16.h): thread partitioning and prefetching.
#include "kernels/cpu/attention/attention_bf16.h"

#include "base/parallel.h"
#include "kernels/cpu/attention/attention_bf16_forward-inl.h"
#include "kernels/cpu/cpu.h"

QKV_BF16_BEGIN
namespace qkv::cpu {
namespace {

// Computes blocks [first, last) of a group's queries. `next`: the sequence and head to prefetch meanwhile; null: none.
void run_blocks(const AttentionParams& p, const PackedKeys& packed, int64_t first, int64_t last, const PackedKeys* next) {
  const int64_t group = p.num_heads / p.num_key_value_heads, size = p.q.cols / p.num_heads, pass = blocks_per_pass(size);
  Prefetcher ahead;
  const auto queries_of = [&](const View& x, const PackedKeys& of, bool written) {
    ahead.add(x, p.queries.begin[of.segment], p.queries.length[of.segment], of.key_head * group * size, group * size, written);
  };
  queries_of(p.out, packed, true);
  queries_of(p.out_rest, packed, true);
  if (next) {
    for (const View& x : {p.k, p.v}) {
      if (!p.keys.index) ahead.add(x, p.keys.begin[next->segment], p.keys.length[next->segment], next->key_head * size, size, false);
    }
    queries_of(p.q, *next, false);
  }
  // About half of a causal sequence's blocks and parts are masked.
  const int64_t parts = std::max<int64_t>(1, (last - first) * packed.parts / (p.causal ? 2 : 1)),
                steps = (ahead.rows() + parts - 1) / parts;
  const auto run_all = [&](auto&& forward) {
    for (int64_t block = first; block < last; block += pass) forward.run(packed.rows, block, std::min(last, block + pass), ahead, steps);
  };
  if (current_isa() == Isa::amx) {
    run_all(Bf16AttentionForward<AmxTiles>(p, packed));
  } else {
    run_all(Bf16AttentionForward<Avx512Tiles>(p, packed));
  }
}

}  // namespace
}  // namespace qkv::cpu
QKV_BF16_END

namespace qkv::cpu {

bool attention_bf16_supports(const AttentionParams& p) { return p.q.dtype == DType::bf16 && current_isa() >= Isa::avx512_bf16; }

void attention_bf16(const AttentionParams& p) {
  std::vector<PackedKeys> all;
  for (int64_t segment = 0; segment < p.queries.count; ++segment) {
    for (int head = 0; head < p.num_key_value_heads && p.queries.length[segment] > 0; ++head) all.emplace_back(p, segment, head);
  }
  const auto count = static_cast<int64_t>(all.size()), group = int64_t{p.num_heads / p.num_key_value_heads};
  // Many sequences and heads: each is computed by one thread, packed in that thread's cache.
  if (count >= 4 * num_threads()) {
    const int64_t run = units_per_task(count, p.num_key_value_heads);
    parallel_for((count + run - 1) / run, [&](int64_t task) {
      const TileRegisters tiles;
      for (int64_t i = task * run; i < std::min(count, (task + 1) * run); ++i) {
        PackedKeys packed = all[static_cast<size_t>(i)];
        packed.place(scratch_bytes(Scratch::keys, packed.bytes()));
        for (int64_t chunk = 0; chunk < packed.chunks; ++chunk) pack_chunk(p, packed, chunk);
        const int64_t next = unit_after(i, run);
        run_blocks(p, packed, 0, group * packed.rows, next < count ? &all[static_cast<size_t>(next)] : nullptr);
      }
    });
    return;
  }
  // Few: all threads work on one after the other.
  const int64_t pass = blocks_per_pass(p.q.cols / p.num_heads);
  for (PackedKeys& packed : all) {
    packed.place(scratch_bytes(Scratch::keys, packed.bytes()));
    parallel_for(packed.chunks, [&](int64_t chunk) { pack_chunk(p, packed, chunk); });
    const int64_t blocks = group * packed.rows;
    parallel_for((blocks + pass - 1) / pass, [&](int64_t i) {
      const TileRegisters tiles;
      run_blocks(p, packed, i * pass, std::min(blocks, (i + 1) * pass), nullptr);
    });
  }
}

}  // namespace qkv::cpu
