// A block of attention's forward on bf16 tiles (FlashAttention: Dao et al. 2022, algorithm 1).
//
// A score costs 0.25 cycles of tile products at a head size of 64 and 0.19 of exponential and sum; with what loading and storing of tiles
// adds, 0.7 (one core, whose clock falls from 3.7 to 2.9 GHz under products of real numbers). What decides is that scores, weights,
// operands and sums stay in L1, and that keys are packed once per sequence and head.
#pragma once

#include "kernels/cpu/attention/attention_bf16_keys-inl.h"

namespace qkv::cpu {

// A block of queries passes by this many chunks of keys before the next block does: its sums stay in L1, the keys and values (192 KiB at a
// head size of 64) in L2.
inline constexpr int64_t kChunksPerRun = 3;

// Strips of keys that are scored together, where no score has to wait for another: their scores take 8 KiB of L1.
inline constexpr int64_t kScoredStrips = 2;

// Blocks of queries, over all heads of a group, that pass by each run of chunks: their sums (128 KiB) stay in L2.
inline int64_t blocks_per_pass(int64_t head_size) { return std::clamp<int64_t>(1024 / round_up(head_size, 16), 4, 16); }

}  // namespace qkv::cpu

QKV_BF16_BEGIN
namespace qkv::cpu {

// Queries [first, last) of all heads of a group, blocks_per_pass at a time.
template <typename Tiles>
class Forward {
 public:
  Forward(const AttentionParams& params, const PackedKeys& of)
      : p(params),
        packed(of),
        s(p, of.segment, of.key_head * (p.num_heads / p.num_key_value_heads)),
        sight(p, s),
        depth(of.depth),
        width(round_up(s.size, 16)),
        largest_key(of.largest_norm()) {
    const int64_t blocks = blocks_per_pass(s.size);
    const auto state_bytes = static_cast<int64_t>(sizeof(State));
    Arena arena(scratch_bytes(Scratch::scores, blocks * (depth * 64 + width * 128 + state_bytes) + kForwardKeys * (128 + 64) + 4096));
    queries = arena.take<uint32_t>(blocks * depth / 2 * kBlockQueries);
    outputs = arena.take<float>(blocks * width * kBlockQueries);
    states = arena.take<State>(blocks);
    scores = arena.take<float>(kForwardKeys * kBlockQueries);
    weights = arena.take<uint32_t>(kForwardKeys / 2 * kBlockQueries);
  }

  // Blocks [first, last) of the group's, head after head, `rows` for each head; at most blocks_per_pass. Meanwhile `ahead` brings what is
  // needed later, `steps` rows at each part of a chunk.
  void run(int64_t rows, int64_t first, int64_t last, Prefetcher& ahead, int64_t steps) {
    int64_t first_chunk = packed.first_chunk + packed.chunks, last_chunk = 0;
    for (int64_t block = first; block < last; ++block) {
      start(states[block - first], rows, block, block - first);
      const KeyRange seen = states[block - first].seen;
      if (seen.size() == 0) continue;
      first_chunk = std::min(first_chunk, seen.begin / kForwardKeys);
      last_chunk = std::max(last_chunk, (seen.end + kForwardKeys - 1) / kForwardKeys);
    }
    for (int64_t run = first_chunk; run < last_chunk; run += kChunksPerRun) {
      for (int64_t place = 0; place < last - first; ++place) {
        for (int64_t chunk = run; chunk < std::min(last_chunk, run + kChunksPerRun); ++chunk) {
          const Strips strips(states[place].seen, chunk * kForwardKeys, kForwardKeys);
          if (strips.count() > 0) add_chunk(place, chunk, strips, ahead, steps);
        }
      }
    }
    for (int64_t place = 0; place < last - first; ++place) finish(place);
  }

 private:
  struct alignas(64) State {
    float largest[kBlockQueries], sums[kBlockQueries];
    int64_t query, count;  // the first of its queries, and how many
    int64_t at;            // where that one lies
    int head;
    KeyRange seen;       // by any of them
    uint32_t poison[2];  // which of 16 queries met a score that is no number
    bool begun;          // does its part of `outputs` hold anything
    bool sure;           // no weight can leave the range of floats, whatever it is relative to
  };
  void start(State& state, int64_t rows, int64_t block, int64_t place) {
    state.head = static_cast<int>(packed.key_head * s.group + block / rows);
    s.set_head(state.head);
    state.query = block % rows * kBlockQueries;
    state.count = std::min(kBlockQueries, s.queries - state.query);
    state.at = s.position(state.query);
    state.seen = s.visible(p, state.query, state.query + state.count, {0, s.keys});
    state.poison[0] = state.poison[1] = 0;
    const bf16* pointers[kBlockQueries];
    HeadPointers::queries(p.q, s, state.query, s.queries, kBlockQueries, pointers);
    uint32_t* to = queries + place * depth / 2 * kBlockQueries;
    __m512 largest = _mm512_setzero_ps();
    for (int64_t half = 0; half < 2; ++half) {
      pairs_along_rows(pointers + 16 * half, s.size, to + 16 * half, kBlockQueries);
      __m512 squares[4] = {};
      for (int64_t pair = 0; pair < depth / 2; pair += 4) {
        for (int64_t i = 0; i < 4; ++i) {
          const auto x = (__m512bh)_mm512_loadu_si512(to + (pair + i) * kBlockQueries + 16 * half);
          squares[i] = _mm512_dpbf16_ps(squares[i], x, x);
        }
      }
      largest = larger(largest, _mm512_add_ps(_mm512_add_ps(squares[0], squares[1]), _mm512_add_ps(squares[2], squares[3])));
      _mm512_storeu_ps(state.largest + 16 * half, _mm512_set1_ps(-INFINITY));
      _mm512_storeu_ps(state.sums + 16 * half, _mm512_setzero_ps());
    }
    // |q . k| <= |q| |k| (Cauchy and Schwarz): where all exponents are this small they need no reference, and no largest score.
    const bool numbers = _mm512_cmp_ps_mask(largest, _mm512_set1_ps(INFINITY), _CMP_LT_OQ) == 0xffff;
    state.sure = numbers && !has_rules(p) && std::sqrt(_mm512_reduce_max_ps(largest)) * largest_key * p.scale * kLog2E <= 80;
    state.begun = false;
  }

  // One block and the strips of a chunk of keys that it sees: S^T = K Q^T and the weights, some strips at a time, then O^T += V^T P^T of
  // all. While the tile unit works, multiply-adds run on one port of two, and nothing is won by mixing the three (measured).
  void add_chunk(int64_t place, int64_t chunk, Strips strips, Prefetcher& ahead, int64_t steps) {
    State& state = states[place];
    const int64_t index = chunk - packed.first_chunk, first_key = strips.first * kStripKeys;
    if (state.sure) {
      for (WeightExponential& power : powers) power = WeightExponential(exponent_scale(p), _mm512_setzero_ps());
    }
    // Weights that are relative to the largest score have to wait for all of them.
    const int64_t together = state.sure ? kScoredStrips : strips.count();
    for (int64_t strip = strips.first; strip < strips.last; strip += together) {
      const Strips some{strip, std::min(strips.last, strip + together)};
      score(place, chunk, some);
      if (!state.sure && prepare(state, chunk, some)) shrink(place);
      for (int64_t key = some.first * kStripKeys; key < some.last * kStripKeys; key += kPartKeys) {
        weigh(state, chunk * kForwardKeys + key, scores + (key - some.first * kStripKeys) * kBlockQueries,
              weights + key / 2 * kBlockQueries);
        ahead.step(steps);
      }
    }
    prefetch_chunk(index + kChunksPerRun, place);
    multiply<Tiles>({.a = packed.values_t + index * depth * packed.step + first_key,
                     .a_step = 2 * packed.step,
                     .b = weights + first_key / 2 * kBlockQueries,
                     .b_step = 4 * kBlockQueries,
                     .c = outputs + place * width * kBlockQueries,
                     .c_step = kBlockQueries,
                     .rows = width / 16,
                     .columns = 2,
                     .depth = strips.count(),
                     .accumulate = state.begun});
    state.begun = true;
  }

  void score(int64_t place, int64_t chunk, const Strips& strips) {
    const int64_t first = strips.first * kStripKeys,
                  last = std::min(states[place].seen.end - chunk * kForwardKeys, strips.last * kStripKeys);
    multiply<Tiles>({.a = packed.keys + ((chunk - packed.first_chunk) * packed.step + first) * depth,
                     .a_step = 2 * depth,
                     .b = queries + place * depth / 2 * kBlockQueries,
                     .b_step = 4 * kBlockQueries,
                     .c = scores,
                     .c_step = kBlockQueries,
                     .rows = (last - first + 15) / 16,
                     .columns = 2,
                     .depth = depth / 32,
                     .accumulate = false});
  }

  // This block's share of a chunk of packed keys and values of the next run: those of a long sequence come from beyond L2.
  void prefetch_chunk(int64_t index, int64_t place) const {
    if (index >= packed.chunks) return;
    const int64_t bytes = packed.step * depth * 2, share = round_up(bytes / blocks_per_pass(s.size), 64);
    for (const bf16* x : {packed.keys, packed.values_t}) {
      const char* from = reinterpret_cast<const char*>(x) + index * bytes;
      for (int64_t i = place * share; i < std::min(bytes, (place + 1) * share); i += 64) __builtin_prefetch(from + i, 0, 2);
    }
  }

  // Of the strips that were scored: the rules of scores, the largest of each query, and what that changes. Must the outputs so far be
  // multiplied by `factors`?
  bool prepare(State& state, int64_t chunk, const Strips& strips) {
    s.set_head(state.head);
    __m512 largest[2] = {_mm512_loadu_ps(state.largest), _mm512_loadu_ps(state.largest + 16)};
    for (int64_t strip = strips.first; strip < strips.last; ++strip) {
      float* rows = scores + (strip - strips.first) * kStripKeys * kBlockQueries;
      const int64_t key = chunk * kForwardKeys + strip * kStripKeys;
      if (has_rules(p)) apply_rules(p, s, state.at, key, kStripKeys, rows, nullptr);
      if (sight.whole(state.at, key, kStripKeys)) {
        find_largest<false>(state, rows, key, largest);
      } else {
        find_largest<true>(state, rows, key, largest);
      }
    }
    const __m512 c = exponent_scale(p), one = _mm512_set1_ps(1);
    bool moved_any = shifted = false;
    for (int half = 0; half < 2; ++half) {
      const __m512 before = _mm512_loadu_ps(state.largest + 16 * half);
      const Reference old(before, c), reference(largest[half], c);
      powers[half] = WeightExponential(c, reference.power);
      shifted |= reference.shifted();
      _mm512_store_ps(base + 16 * half, reference.base);
      _mm512_storeu_ps(state.largest + 16 * half, largest[half]);
      // 2^(c (old base - base) + old power - power), 1 where nothing was there before.
      const __m512 exponent = _mm512_fmadd_ps(_mm512_sub_ps(old.base, reference.base), c, _mm512_sub_ps(old.power, reference.power));
      const __mmask16 moved = _mm512_cmp_ps_mask(exponent, _mm512_setzero_ps(), _CMP_NEQ_UQ) &
                              _mm512_cmp_ps_mask(before, _mm512_set1_ps(-INFINITY), _CMP_GT_OQ);
      const __m512 factor = _mm512_mask_mov_ps(one, moved, power_of_two(exponent));
      _mm512_store_ps(factors + 16 * half, factor);
      _mm512_storeu_ps(state.sums + 16 * half, _mm512_mul_ps(_mm512_loadu_ps(state.sums + 16 * half), factor));
      moved_any |= moved != 0;
    }
    return moved_any;
  }

  template <bool kMasked>
  void find_largest(State& state, const float* rows, int64_t key, __m512* largest) const {
    for (int64_t j = 0; j < kStripKeys; ++j) {
      for (int half = 0; half < 2; ++half) {
        __mmask16 seen = 0xffff;
        if constexpr (kMasked) seen = static_cast<__mmask16>(sight.lanes(state.at + 16 * half, key + j));
        const __m512 x = _mm512_loadu_ps(rows + j * kBlockQueries + 16 * half);
        largest[half] = _mm512_mask_max_ps(largest[half], seen, x, largest[half]);  // of two operands with a NaN the second is taken
        state.poison[half] |= _mm512_mask_cmp_ps_mask(seen, x, x, _CMP_UNORD_Q);
      }
    }
  }

  // Scores of a part become weights in bf16, pairs of keys beside each other.
  void weigh(State& state, int64_t key, float* from, uint32_t* to) {
    if (!state.sure && shifted) subtract_base(from, kPartKeys, base);
    const int64_t seen = std::clamp<int64_t>(state.seen.end - key, 0, kPartKeys);
    const int64_t whole = sight.whole_pairs(state.at, key, seen);
    if (whole == kPartKeys) {
      weigh_whole_rows(state, from, to, key, kPartKeys);
    } else {
      weigh_whole_rows(state, from, to, key, whole);
      weigh_rows<true, false>(state, from, to, key, whole, round_up(seen, 2));
      for (int64_t i = round_up(seen, 2) * kBlockQueries / 2; i < kPartKeys * kBlockQueries / 2; i += 16)
        _mm512_storeu_si512(to + i, _mm512_setzero_si512());
    }
    if (p.dropout.probability > 0) drop(state, to, key);
  }
  inline __attribute__((always_inline)) void weigh_whole_rows(State& state, const float* from, uint32_t* to, int64_t key, int64_t rows) {
    if (state.sure) {
      weigh_rows<false, true>(state, from, to, key, 0, rows);
    } else {
      weigh_rows<false, false>(state, from, to, key, 0, rows);
    }
  }

  // Rows [first, last) of a part, both even. kSure: no score lies below those that count.
  template <bool kMasked, bool kSure>
  inline __attribute__((always_inline)) void weigh_rows(State& state, const float* from, uint32_t* to, int64_t key, int64_t first,
                                                        int64_t last) {
    const __m512bh ones = (__m512bh)_mm512_set1_epi16(0x3f80);
    for (int half = 0; half < 2; ++half) {
      const WeightExponential power = powers[half];
      __m512 sums[2] = {_mm512_loadu_ps(state.sums + 16 * half), _mm512_setzero_ps()};
#pragma GCC unroll 8
      for (int64_t i = first; i < last; i += 2) {
        const float* row = from + i * kBlockQueries + 16 * half;
        uint32_t seen[2] = {0xffff, 0xffff};
        for (int64_t k = 0; kMasked && k < 2; ++k) seen[k] = sight.lanes(state.at + 16 * half, key + i + k);
        const __m512i a = power.fixed<kSure>(_mm512_loadu_ps(row), static_cast<__mmask16>(seen[0]));
        const __m512i b = power.fixed<kSure>(_mm512_loadu_ps(row + kBlockQueries), static_cast<__mmask16>(seen[1]));
        const __m512i both = WeightExponential::pairs(a, b);
        // The sum is that of the rounded weights: what rounding takes from a row of the output it takes from its divisor too.
        sums[0] = _mm512_dpbf16_ps(sums[0], (__m512bh)both, ones);
        std::swap(sums[0], sums[1]);
        _mm512_storeu_si512(to + i / 2 * kBlockQueries + 16 * half, both);
      }
      _mm512_storeu_ps(state.sums + 16 * half, _mm512_add_ps(sums[0], sums[1]));
    }
  }

  void drop(const State& state, uint32_t* pairs, int64_t key) const {
    for (int half = 0; half < 2; ++half) {
      const DropoutLanes lanes(p.dropout, s.query_row + state.query + 16 * half, p.num_heads, state.head);
      for (int64_t group = 0; group < kPartKeys / 8; ++group) {
        __mmask32 kept[4];
        lanes.kept(key / 8 + group, kept);
        for (int64_t i = 0; i < 4; ++i) {
          uint32_t* pair = pairs + (4 * group + i) * kBlockQueries + 16 * half;
          _mm512_storeu_si512(pair, _mm512_maskz_mov_epi16(kept[i], _mm512_loadu_si512(pair)));
        }
      }
    }
  }

  void shrink(int64_t place) {
    float* rows = outputs + place * width * kBlockQueries;
    for (int64_t c = 0; c < 2 * width; ++c)
      _mm512_storeu_ps(rows + 16 * c, _mm512_mul_ps(_mm512_loadu_ps(rows + 16 * c), _mm512_load_ps(factors + c % 2 * 16)));
  }

  void finish(int64_t place) {
    const State& state = states[place];
    s.set_head(state.head);
    if (p.log_sum_exp) save(state);
    float* const sums_of_place = outputs + place * width * kBlockQueries;
    if (!state.begun) std::memset(sums_of_place, 0, static_cast<size_t>(width * kBlockQueries) * sizeof(float));
    const auto keep = static_cast<float>(dropout_scale(p.dropout.probability));
    for (int half = 0; half < 2; ++half) {
      const __m512 sum = sum_of_weights(state, half);
      const __mmask16 any = _mm512_cmp_ps_mask(sum, _mm512_setzero_ps(), _CMP_NEQ_UQ);
      const __m512 factor = _mm512_maskz_div_ps(any, _mm512_set1_ps(keep), sum);
      for (int64_t column = 0; column < width; column += 32) {
        store_outputs(sums_of_place + column * kBlockQueries + 16 * half, factor, state.query + 16 * half, state.count - 16 * half, column);
      }
    }
  }

  // No number where a score was none.
  __m512 sum_of_weights(const State& state, int half) const {
    const __mmask16 infinite = _mm512_cmp_ps_mask(_mm512_loadu_ps(state.largest + 16 * half), _mm512_set1_ps(INFINITY), _CMP_EQ_OQ);
    const __mmask16 poisoned = static_cast<__mmask16>(state.poison[half]) | infinite;
    return _mm512_mask_mov_ps(_mm512_loadu_ps(state.sums + 16 * half), poisoned, _mm512_set1_ps(NAN));
  }

  // What the backward needs: the reference of each query in units of raw scores, of which it finds `power` again by rounding, and the
  // logarithm of the sum.
  void save(const State& state) const {
    const __m512 c = exponent_scale(p), nothing = _mm512_set1_ps(-INFINITY);
    alignas(64) float logarithms[kBlockQueries], references[kBlockQueries];
    for (int half = 0; half < 2; ++half) {
      const Reference reference(state.sure ? _mm512_setzero_ps() : _mm512_loadu_ps(state.largest + 16 * half), c);
      const __m512 score = _mm512_add_ps(reference.base, _mm512_div_ps(reference.power, c)), sum = sum_of_weights(state, half);
      const __mmask16 none = _mm512_cmp_ps_mask(sum, _mm512_setzero_ps(), _CMP_EQ_OQ);
      _mm512_store_ps(references + 16 * half, _mm512_mask_mov_ps(score, none, nothing));
      _mm512_store_ps(logarithms + 16 * half, logarithm(sum));
    }
    for (int64_t i = 0; i < state.count; ++i) {
      float* saved = p.log_sum_exp.row<float>(s.query_row + state.query + i) + 2 * s.head;
      saved[0] = references[i];
      saved[1] = logarithms[i];
    }
  }

  // Up to 32 columns of the output of up to 16 queries, from their transposed.
  void store_outputs(const float* transposed, __m512 factor, int64_t query, int64_t count, int64_t column) const {
    const int64_t rows = std::min<int64_t>(32, width - column);
    __m512i rounded[16], rest[16];  // columns 2 i and 2 i + 1 beside each other
    for (int64_t i = 0; i < 16; ++i) {
      const TwoRows x(transposed, i, rows, factor);
      rounded[i] = rounded_pairs(x.first, x.second);
      if (!p.out_rest) continue;
      const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xffff0000));
      rest[i] = rounded_pairs(_mm512_sub_ps(x.first, _mm512_castsi512_ps(_mm512_slli_epi32(rounded[i], 16))),
                              _mm512_sub_ps(x.second, _mm512_castsi512_ps(_mm512_and_si512(rounded[i], upper))));
    }
    store_rows(p.out, rounded, query, count, column);
    if (p.out_rest) store_rows(p.out_rest, rest, query, count, column);
  }
  void store_rows(const View& to, __m512i* pairs, int64_t query, int64_t count, int64_t column) const {
    transpose_16(pairs);
    const __mmask32 inside = first_32(s.size - column);
    bf16* row = to.row<bf16>(s.query_row + query) + s.query_column + column;
    for (int64_t i = 0; i < std::min<int64_t>(count, 16); ++i, row += to.stride) _mm512_mask_storeu_epi16(row, inside, pairs[i]);
  }

  const AttentionParams& p;
  const PackedKeys& packed;
  HeadOfSequence s;
  Sight sight;
  int64_t depth, width;  // head size in whole tiles as a product's depth and as its rows
  float largest_key;     // norm
  // Of the block at work:
  WeightExponential powers[2];
  bool shifted = false;
  alignas(64) float base[kBlockQueries], factors[kBlockQueries];
  uint32_t* queries;  // [blocks][depth / 2][kBlockQueries] pairs
  float* outputs;     // [blocks][width][kBlockQueries]
  State* states;      // [blocks]
  float* scores;      // [kForwardKeys][kBlockQueries]
  uint32_t* weights;  // [kForwardKeys / 2][kBlockQueries] pairs
};

}  // namespace qkv::cpu
QKV_BF16_END
