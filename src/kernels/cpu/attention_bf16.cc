// Attention forward on bf16 tiles (FlashAttention: Dao et al. 2022, algorithm 1; attention_bf16.h).
//
// A score costs 0.25 cycles of tile products at a head size of 64 and about 0.35 of exponential. They run on different units: while a chunk
// of scores becomes weights, the scores of the next one are made and the values of the one before are added, strip by strip.
#include "kernels/cpu/attention_bf16.h"

#include "base/parallel.h"
#include "kernels/cpu/attention_bf16-inl.h"
#include "kernels/cpu/cpu.h"

QKV_BF16_BEGIN
namespace qkv::cpu {
namespace {

// Rows of scores per task over all heads of a group: packed keys serve 16 blocks of them, whose sums (128 KiB) stay in L2.
int64_t task_rows(const AttentionParams& p) {
  return std::clamp<int64_t>(32768 / round_up(p.q.cols / p.num_heads, 16) / kBlockQueries * kBlockQueries, 4 * kBlockQueries,
                             16 * kBlockQueries);
}

template <typename Tiles>
class Forward {
 public:
  Forward(const AttentionParams& params, const ForwardTask& of)
      : p(params),
        task(of),
        s(p, of.segment, of.key_head * (p.num_heads / p.num_key_value_heads)),
        sight(p, s),
        rows((of.last - of.first + kBlockQueries - 1) / kBlockQueries),
        depth(round_up(s.size, 32)),
        width(round_up(s.size, 16)) {
    const int64_t blocks = s.group * rows;
    const int64_t bytes =
        blocks * (depth * 64 + width * 128 + 4 * 128) + kChunkKeys * (depth * 2 + 2 * depth * 2 + 2 * 128 + 2 * 64) + 4096;
    Arena arena(scratch_bytes(Scratch::scores, bytes));
    queries = arena.take<uint32_t>(blocks * depth / 2 * kBlockQueries);
    outputs = arena.take<float>(blocks * width * kBlockQueries);
    states = arena.take<State>(blocks);
    keys = arena.take<bf16>(kChunkKeys * depth);
    for (int i = 0; i < 2; ++i) {
      values[i] = arena.take<bf16>(kChunkKeys * depth);
      scores[i] = arena.take<float>(kChunkKeys * kBlockQueries);
      weights[i] = arena.take<uint32_t>(kChunkKeys / 2 * kBlockQueries);
    }
  }

  void run() {
    const int64_t blocks = s.group * rows;
    for (int64_t block = 0; block < blocks; ++block) start(block);
    const KeyRange all = s.visible(p, task.first, task.last, {0, s.keys});
    for (int64_t chunk = all.begin / kChunkKeys * kChunkKeys; chunk < all.end; chunk += kChunkKeys) {
      for (int64_t block = 0; block < blocks; ++block) {
        const int64_t first = first_query(block);
        const Strips strips(p, s, first, std::min(kBlockQueries, task.last - first), chunk);
        if (strips.count() > 0) advance({block, chunk, strips});
      }
    }
    advance({});
    advance({});
    for (int64_t block = 0; block < blocks; ++block) finish(block);
  }

 private:
  struct alignas(64) State {
    float largest[kBlockQueries], sums[kBlockQueries], factors[kBlockQueries];
    bool shrinks = false;
  };
  // A block of queries and a chunk of keys.
  struct Item {
    int64_t block = -1, chunk = -1;
    Strips strips;
  };

  int64_t first_query(int64_t block) const { return task.first + block % rows * kBlockQueries; }
  void set_head(int64_t block) { s.set_head(static_cast<int>(task.key_head * s.group + block / rows)); }

  void start(int64_t block) {
    set_head(block);
    const bf16* pointers[kBlockQueries];
    HeadPointers::queries(p.q, s, first_query(block), task.last, kBlockQueries, pointers);
    uint32_t* to = queries + block * depth / 2 * kBlockQueries;
    pairs_along_rows(pointers, s.size, to, kBlockQueries);
    pairs_along_rows(pointers + 16, s.size, to + 16, kBlockQueries);
    std::memset(outputs + block * width * kBlockQueries, 0, static_cast<size_t>(width * kBlockQueries) * sizeof(float));
    State& state = states[block];
    for (int64_t i = 0; i < kBlockQueries; ++i) {
      state.largest[i] = -INFINITY;
      state.sums[i] = 0;
    }
    state.shrinks = false;
  }

  // `item` enters; the one before becomes weights, the one before that is added to its outputs.
  void advance(const Item& item) {
    const bool keys_change = item.block >= 0 && item.chunk != next.chunk;
    const bool values_change = next.block >= 0 && next.chunk != current.chunk;
    previous = current;
    current = next;
    next = item;
    turn ^= 1;
    if (keys_change) pack_keys(item.chunk);
    if (values_change) pack_values(current.chunk);
    for (int64_t part = 0; part < kStrips; ++part) {
      if (next.strips.has(part)) score(part);
      if (previous.block >= 0) add_values(part);
      if (current.block < 0) continue;
      if (part == 0) prepare();
      if (current.strips.has(part)) weigh(part);
    }
    if (current.block >= 0 && states[current.block].shrinks) shrink();
  }

  void pack_keys(int64_t chunk) {
    const bf16* pointers[kChunkKeys];
    HeadPointers::keys(p, p.k, task.segment, s, chunk, kChunkKeys, pointers);
    for (int64_t j = 0; j < kChunkKeys; ++j) copy_row(pointers[j], s.size, keys + j * depth);
  }
  void pack_values(int64_t chunk) {
    const bf16* pointers[kChunkKeys];
    HeadPointers::keys(p, p.v, task.segment, s, chunk, kChunkKeys, pointers);
    for (int64_t j = 0; j < kChunkKeys; j += 32) transpose_rows(pointers + j, s.size, values_of(chunk) + j, kChunkKeys);
  }
  bf16* values_of(int64_t chunk) const { return values[chunk / kChunkKeys % 2]; }

  // S^T = K Q^T of a strip.
  void score(int64_t strip) {
    multiply<Tiles>({.a = keys + strip * kStripKeys * depth,
                     .a_step = 2 * depth,
                     .b = queries + next.block * depth / 2 * kBlockQueries,
                     .b_step = 4 * kBlockQueries,
                     .c = scores[turn] + strip * kStripKeys * kBlockQueries,
                     .c_step = kBlockQueries,
                     .rows = 2,
                     .columns = 2,
                     .depth = depth / 32,
                     .accumulate = false});
  }

  // O^T += V^T P^T for a part of the columns of V.
  void add_values(int64_t part) {
    const int64_t pairs = (width / 16 + 1) / 2, begin = 2 * (part * pairs / kStrips),
                  end = std::min(width / 16, 2 * ((part + 1) * pairs / kStrips));
    if (begin >= end) return;
    multiply<Tiles>({.a = values_of(previous.chunk) + 16 * begin * kChunkKeys + previous.strips.first * kStripKeys,
                     .a_step = 2 * kChunkKeys,
                     .b = weights[turn] + previous.strips.first * kStripKeys / 2 * kBlockQueries,
                     .b_step = 4 * kBlockQueries,
                     .c = outputs + (previous.block * width + 16 * begin) * kBlockQueries,
                     .c_step = kBlockQueries,
                     .rows = end - begin,
                     .columns = 2,
                     .depth = previous.strips.count(),
                     .accumulate = true});
  }

  // The rules of scores, the largest of each query, and what that changes.
  void prepare() {
    set_head(current.block);
    State& state = states[current.block];
    at = s.position(first_query(current.block));
    __m512 largest[2] = {_mm512_loadu_ps(state.largest), _mm512_loadu_ps(state.largest + 16)};
    for (int64_t strip = current.strips.first; strip < current.strips.last; ++strip) {
      float* rows_of_strip = current_scores() + strip * kStripKeys * kBlockQueries;
      const int64_t key = current.chunk + strip * kStripKeys;
      if (has_rules(p)) apply_rules(p, s, at, key, rows_of_strip, nullptr);
      find_largest(rows_of_strip, key, largest);
    }
    const __m512 c = exponent_scale(p);
    state.shrinks = false;
    shifted = false;
    for (int half = 0; half < 2; ++half) {
      const __m512 before = _mm512_loadu_ps(state.largest + 16 * half);
      const Reference old(before, c);
      references[half] = Reference(largest[half], c);
      shifted |= references[half].shifted();
      _mm512_storeu_ps(state.largest + 16 * half, largest[half]);
      // 2^(c (old base - base) + old power - power), 1 where nothing was there before.
      const __m512 exponent =
          _mm512_fmadd_ps(_mm512_sub_ps(old.base, references[half].base), c, _mm512_sub_ps(old.power, references[half].power));
      const __mmask16 moved = _mm512_cmp_ps_mask(exponent, _mm512_setzero_ps(), _CMP_NEQ_UQ) &
                              _mm512_cmp_ps_mask(before, _mm512_set1_ps(-INFINITY), _CMP_GT_OQ);
      if (moved) {
        const Exponential power(_mm512_set1_ps(1), _mm512_setzero_ps(), _mm512_set1_ps(1));
        const __m512 raised = _mm512_castsi512_ps(power.bits(exponent, _mm512_setzero_si512()));
        const __m512 factor = _mm512_mask_mov_ps(_mm512_set1_ps(1), moved, raised);
        _mm512_storeu_ps(state.factors + 16 * half, factor);
        _mm512_storeu_ps(state.sums + 16 * half, _mm512_mul_ps(_mm512_loadu_ps(state.sums + 16 * half), factor));
        if (!state.shrinks && half == 1) _mm512_storeu_ps(state.factors, _mm512_set1_ps(1));
        state.shrinks = true;
      } else if (state.shrinks) {
        _mm512_storeu_ps(state.factors + 16 * half, _mm512_set1_ps(1));
      }
    }
  }

  void find_largest(const float* rows_of_strip, int64_t key, __m512* largest) const {
    if (sight.whole(at, key)) {
      for (int half = 0; half < 2; ++half) {
        __m512 best[4] = {largest[half], largest[half], largest[half], largest[half]};
        for (int64_t j = 0; j < kStripKeys; j += 4) {
          for (int i = 0; i < 4; ++i)
            best[i] = _mm512_max_ps(best[i], _mm512_loadu_ps(rows_of_strip + (j + i) * kBlockQueries + 16 * half));
        }
        largest[half] = _mm512_max_ps(_mm512_max_ps(best[0], best[1]), _mm512_max_ps(best[2], best[3]));
      }
      return;
    }
    for (int64_t j = 0; j < kStripKeys; ++j) {
      for (int half = 0; half < 2; ++half) {
        const auto seen = static_cast<__mmask16>(sight.lanes(at + 16 * half, key + j));
        largest[half] =
            _mm512_mask_max_ps(largest[half], seen, largest[half], _mm512_loadu_ps(rows_of_strip + j * kBlockQueries + 16 * half));
      }
    }
  }

  float* current_scores() const { return scores[turn ^ 1]; }

  // Scores of a strip become weights in bf16, pairs of keys beside each other.
  void weigh(int64_t strip) {
    float* from = current_scores() + strip * kStripKeys * kBlockQueries;
    uint32_t* to = weights[turn ^ 1] + strip * kStripKeys / 2 * kBlockQueries;
    const int64_t key = current.chunk + strip * kStripKeys;
    if (shifted) {
      alignas(64) float base[kBlockQueries];
      for (int half = 0; half < 2; ++half) _mm512_store_ps(base + 16 * half, references[half].base);
      subtract_base(from, base);
    }
    if (sight.whole(at, key)) {
      weigh_all<false>(from, to, key);
    } else {
      weigh_all<true>(from, to, key);
    }
    if (p.dropout.probability > 0) drop(to, key);
  }

  template <bool kMasked>
  void weigh_all(const float* from, uint32_t* to, int64_t key) {
    const __m512 c = exponent_scale(p), one = _mm512_set1_ps(1);
    const __m512i half_step = _mm512_set1_epi32(0x8000 << 9);
    const __m512bh ones = (__m512bh)_mm512_set1_epi16(0x3f80);
    State& state = states[current.block];
    for (int half = 0; half < 2; ++half) {
      const Exponential power(c, references[half].power, one);
      __m512 sums[2] = {_mm512_loadu_ps(state.sums + 16 * half), _mm512_setzero_ps()};
      for (int64_t pair = 0; pair < kStripKeys / 2; ++pair) {
        const float* row = from + 2 * pair * kBlockQueries + 16 * half;
        __m512i a = power.bits(_mm512_loadu_ps(row), half_step), b = power.bits(_mm512_loadu_ps(row + kBlockQueries), half_step);
        if constexpr (kMasked) {
          a = _mm512_maskz_mov_epi32(static_cast<__mmask16>(sight.lanes(at + 16 * half, key + 2 * pair)), a);
          b = _mm512_maskz_mov_epi32(static_cast<__mmask16>(sight.lanes(at + 16 * half, key + 2 * pair + 1)), b);
        }
        const __m512i both = upper_halves(a, b);
        // The sum is that of the rounded weights: what rounding takes from a row of the output it takes from its divisor too.
        sums[pair % 2] = _mm512_dpbf16_ps(sums[pair % 2], (__m512bh)both, ones);
        _mm512_storeu_si512(to + pair * kBlockQueries + 16 * half, both);
      }
      _mm512_storeu_ps(state.sums + 16 * half, _mm512_add_ps(sums[0], sums[1]));
    }
  }

  void drop(uint32_t* pairs, int64_t key) const {
    for (int half = 0; half < 2; ++half) {
      const DropoutLanes lanes(p.dropout, s.query_row + first_query(current.block) + 16 * half, p.num_heads, s.head);
      for (int64_t group = 0; group < kStripKeys / 8; ++group) {
        __mmask32 kept[4];
        lanes.kept(key / 8 + group, kept);
        for (int64_t i = 0; i < 4; ++i) {
          uint32_t* pair = pairs + (4 * group + i) * kBlockQueries + 16 * half;
          _mm512_storeu_si512(pair, _mm512_maskz_mov_epi16(kept[i], _mm512_loadu_si512(pair)));
        }
      }
    }
  }

  void shrink() {
    const State& state = states[current.block];
    float* rows_of_block = outputs + current.block * width * kBlockQueries;
    for (int64_t c = 0; c < 2 * width; ++c) {
      float* row = rows_of_block + 16 * c;
      _mm512_storeu_ps(row, _mm512_mul_ps(_mm512_loadu_ps(row), _mm512_loadu_ps(state.factors + c % 2 * 16)));
    }
  }

  // Rows of the output, and what the backward needs of them.
  void finish(int64_t block) {
    set_head(block);
    const State& state = states[block];
    const int64_t first = first_query(block), count = std::min(kBlockQueries, task.last - first);
    const __m512 c = exponent_scale(p);
    alignas(64) float logarithms[kBlockQueries], largest[kBlockQueries];
    for (int half = 0; half < 2; ++half) {
      const __m512 sum = _mm512_loadu_ps(state.sums + 16 * half);
      const Reference reference(_mm512_loadu_ps(state.largest + 16 * half), c);
      _mm512_store_ps(logarithms + 16 * half, logarithm(sum));
      // In units of raw scores: the backward finds `power` again by rounding.
      const __m512 none = _mm512_set1_ps(-INFINITY), saved = _mm512_add_ps(reference.base, _mm512_div_ps(reference.power, c));
      _mm512_store_ps(largest + 16 * half, _mm512_mask_mov_ps(saved, _mm512_cmp_ps_mask(sum, _mm512_setzero_ps(), _CMP_EQ_OQ), none));
      const float keep = p.dropout.probability > 0 ? static_cast<float>(dropout_scale(p.dropout.probability)) : 1.0f;
      const __m512 factor = _mm512_maskz_div_ps(_mm512_cmp_ps_mask(sum, _mm512_setzero_ps(), _CMP_NEQ_UQ), _mm512_set1_ps(keep), sum);
      for (int64_t column = 0; column < width; column += 16)
        store_outputs(outputs + (block * width + column) * kBlockQueries + 16 * half, factor, first + 16 * half, count - 16 * half, column);
    }
    for (int64_t i = 0; i < count && p.log_sum_exp; ++i) {
      float* saved = p.log_sum_exp.row<float>(s.query_row + first + i) + 2 * s.head;
      saved[0] = largest[i];
      saved[1] = logarithms[i];
    }
  }

  // 16 columns of the output of up to 16 queries, from their transposed.
  void store_outputs(const float* transposed, __m512 factor, int64_t query, int64_t count, int64_t column) const {
    __m512i block[16];
    for (int i = 0; i < 16; ++i) block[i] = _mm512_castps_si512(_mm512_mul_ps(_mm512_loadu_ps(transposed + i * kBlockQueries), factor));
    transpose_16(block);
    const auto inside = static_cast<__mmask16>(s.size - column >= 16 ? 0xffff : (1 << (s.size - column)) - 1);
    for (int64_t i = 0; i < std::min<int64_t>(count, 16); ++i) {
      const __m512 y = _mm512_castsi512_ps(block[i]);
      const __m256i rounded = (__m256i)_mm512_cvtneps_pbh(y);
      _mm256_mask_storeu_epi16(p.out.row<bf16>(s.query_row + query + i) + s.query_column + column, inside, rounded);
      if (!p.out_rest) continue;
      const __m512 rest = _mm512_sub_ps(y, _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(rounded), 16)));
      _mm256_mask_storeu_epi16(p.out_rest.row<bf16>(s.query_row + query + i) + s.query_column + column, inside,
                               (__m256i)_mm512_cvtneps_pbh(rest));
    }
  }

  const AttentionParams& p;
  const ForwardTask& task;
  HeadOfSequence s;
  Sight sight;
  int64_t rows, depth, width;  // blocks per head; head size in whole tiles as a product's depth and as its rows
  Item next, current, previous;
  int turn = 0;
  // Of `current`:
  int64_t at = 0;  // where its first query lies
  Reference references[2] = {{_mm512_setzero_ps(), _mm512_setzero_ps()}, {_mm512_setzero_ps(), _mm512_setzero_ps()}};
  bool shifted = false;
  uint32_t* queries;       // [blocks][depth / 2][kBlockQueries] pairs
  float* outputs;          // [blocks][width][kBlockQueries]
  State* states;           // [blocks]
  bf16 *keys, *values[2];  // [kChunkKeys][depth]; [depth][kChunkKeys] of even and of odd chunks
  float* scores[2];        // [kChunkKeys][kBlockQueries], of next and of current in turns
  uint32_t* weights[2];    // [kChunkKeys / 2][kBlockQueries] pairs, of current and of previous in turns
};

void run_forward(const AttentionParams& p, const ForwardTask& task) {
  if (current_isa() == Isa::amx) {
    const AmxTiles tiles;
    Forward<AmxTiles>(p, task).run();
  } else {
    Forward<Avx512Tiles>(p, task).run();
  }
}

}  // namespace
}  // namespace qkv::cpu
QKV_BF16_END

namespace qkv::cpu {

bool attention_bf16_supports(const AttentionParams& p) { return p.q.dtype == DType::bf16 && current_isa() >= Isa::avx512_bf16; }

void attention_bf16(const AttentionParams& p) {
  const std::vector<ForwardTask> tasks = forward_tasks(p, task_rows(p), kBlockQueries);
  parallel_for(static_cast<int64_t>(tasks.size()), [&](int64_t i) { run_forward(p, tasks[static_cast<size_t>(i)]); });
}

}  // namespace qkv::cpu
