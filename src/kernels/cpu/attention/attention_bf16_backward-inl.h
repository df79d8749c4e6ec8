// A chunk of keys of attention's backward on bf16 tiles (Dao et al. 2022, B.2). With a few blocks of queries at a time: P from the
// saved log-sum-exp, dP^T = V dO^T, dS = P * (dP - D), then dV += P^T dO, dK += dS^T Q, dQ^T += K^T dS^T.
//
// Bound by the five products of a score, 0.625 cycles at a head size of 64; the exponential and the rest take about 0.45 on other units.
#pragma once

#include "kernels/cpu/attention/attention_bf16_queries-inl.h"
#include "kernels/cpu/attention/attention_turns.h"

namespace qkv::cpu {

// Blocks of queries whose weights are made before they are multiplied: sums of dK and dV are loaded and stored once for all of these. 2 and
// 8 were 6 % slower.
inline constexpr int64_t kGroupBlocks = 4;

// Keys at a time: sums of dQ are loaded and stored once for all of these. With 256 for 128, 8,192 tokens are 1.14 times as fast, 512 tokens
// 5 % slower; 64 were 20 % slower.
inline constexpr int64_t kMostChunkKeys = 256;
inline int64_t keys_at_a_time(int64_t keys) {
  return keys > 1024 ? kMostChunkKeys : std::clamp(round_up(keys, kStripKeys), kStripKeys, kMostChunkKeys / 2);
}

inline int64_t groups_per_head(const QueryBlocks& blocks) { return (blocks.rows + kGroupBlocks - 1) / kGroupBlocks; }

}  // namespace qkv::cpu

QKV_BF16_BEGIN
namespace qkv::cpu {

// One chunk of the keys of a unit: its dK and dV, and what it adds to dQ.
template <typename Tiles>
class Backward {
 public:
  Backward(const AttentionBackwardParams& params, const Unit& of, int64_t number, Turns* order, Prefetcher& next, int64_t rows)
      : b(params),
        p(params.forward),
        unit(of),
        blocks(of.blocks),
        turns(order),
        ahead(next),
        steps(rows),
        s(p, of.segment, of.key_head * (p.num_heads / p.num_key_value_heads)),
        sight(p, s),
        chunk_keys(of.chunk_keys),
        chunk(number * chunk_keys),
        depth(of.blocks.depth),
        width(std::min(kGroupBlocks, of.blocks.rows) * kBlockQueries) {
    Arena arena(scratch_bytes(Scratch::scores, chunk_keys * (3 * depth * 2 + 2 * depth * 4 + 2 * width * 2 + 64) + 5 * 4096 + 4096));
    keys = arena.take<bf16>(chunk_keys * depth);
    values = arena.take<bf16>(chunk_keys * depth);
    keys_t = arena.take<bf16>(chunk_keys * depth);
    dk = arena.take<float>(chunk_keys * depth);
    dv = arena.take<float>(chunk_keys * depth);
    weights = arena.take<bf16>(chunk_keys * width);
    gradients = arena.take<bf16>(chunk_keys * width);
    gradient_pairs = arena.take<uint32_t>(chunk_keys / 2 * kBlockQueries);
    for (int i = 0; i < 2; ++i) {
      scores[i] = arena.take<float>(kStripKeys * kBlockQueries);
      dweights[i] = arena.take<float>(kStripKeys * kBlockQueries);
    }
    slopes = arena.take<float>(kStripKeys * kBlockQueries);
  }

  void run() {
    pack();
    const int64_t groups = groups_per_head(blocks);
    for (member = 0; member < s.group; ++member) {
      s.set_head(static_cast<int>(unit.key_head * s.group + member));
      for (int64_t group = 0; group < groups; ++group) run_group(group);
    }
    if (!started) clear_sums();
    store_rows(dk, b.dk, p.scale);
    store_rows(dv, b.dv, keep());
  }

 private:
  float keep() const { return static_cast<float>(dropout_scale(p.dropout.probability)); }

  void clear_sums() {
    for (float* sums : {dk, dv}) std::memset(sums, 0, static_cast<size_t>(keys_to_pack(s, chunk, chunk_keys) * depth) * sizeof(float));
    started = true;
  }

  void pack() {
    const bf16* pointers[kMostChunkKeys];
    const int64_t count = keys_to_pack(s, chunk, chunk_keys);
    HeadPointers::keys(p, p.v, unit.segment, s, chunk, count, pointers);
    for (int64_t j = 0; j < count; ++j) copy_row(pointers[j], s.size, values + j * depth);
    HeadPointers::keys(p, p.k, unit.segment, s, chunk, count, pointers);
    for (int64_t j = 0; j < count; ++j) copy_row(pointers[j], s.size, keys + j * depth);
    for (int64_t j = 0; j < count; j += 32) transpose_rows(pointers + j, s.size, keys_t + j, chunk_keys);
  }

  // Blocks [kGroupBlocks * group, ...) of the head.
  void run_group(int64_t group) {
    const int64_t first_block = group * kGroupBlocks, count = std::min(kGroupBlocks, blocks.rows - first_block);
    const int64_t first = first_block * kBlockQueries, last = std::min(s.queries, (first_block + count) * kBlockQueries);
    const KeyRange seen = s.visible(p, first, last, {0, s.keys});
    const Strips all(seen, chunk, chunk_keys);
    if (all.count() == 0) return;
    const int64_t block = member * blocks.rows + first_block;
    if (turns) wait_for_turn(group, first, last);
    for (int64_t i = 0; i < count; ++i) run_block(block + i, i, all);
    if (turns) turns->pass_on(turn_of(group));
    // dV += P^T dO, dK += dS^T Q. The first ones that fill all rows write them.
    const int64_t tiles = tiles_of_rows(all.first, seen.end);
    if (!started && tiles != tiles_of_rows(0, s.keys)) clear_sums();
    TileProduct product{.a = weights + all.first * kStripKeys * width,
                        .a_step = 2 * width,
                        .b = blocks.dout_across + block * depth * 16,
                        .b_step = 4 * depth,
                        .c = dv + all.first * kStripKeys * depth,
                        .c_step = depth,
                        .rows = tiles,
                        .columns = depth / 16,
                        .depth = count,
                        .accumulate = started};
    multiply<Tiles>(product);
    product.a = gradients + all.first * kStripKeys * width;
    product.b = blocks.q_across + block * depth * 16;
    product.c = dk + all.first * kStripKeys * depth;
    multiply<Tiles>(product);
    started = true;
  }

  // From a strip on to the last key below `end`.
  int64_t tiles_of_rows(int64_t strip, int64_t end) const { return (std::min(end - chunk, chunk_keys) - strip * kStripKeys + 15) / 16; }

  size_t turn_of(int64_t group) const { return static_cast<size_t>(member * groups_per_head(blocks) + group); }
  // Until the chunks before have added theirs to dQ of these queries.
  void wait_for_turn(int64_t group, int64_t first, int64_t last) const {
    const int64_t first_chunk = s.visible(p, first, last, {0, s.keys}).begin / chunk_keys;
    turns->wait_for(turn_of(group), chunk / chunk_keys - first_chunk);
  }

  // Weights and gradients of scores of one block, the `place`-th of its group, and their part of dQ. `all`: the strips that the group sees.
  void run_block(int64_t block, int64_t place, const Strips& all) {
    const int64_t first = (block - member * blocks.rows) * kBlockQueries;
    const KeyRange seen = s.visible(p, first, std::min(s.queries, first + kBlockQueries), {0, s.keys});
    const Strips strips(seen, chunk, chunk_keys);
    at = s.position(first);
    for (int64_t strip = all.first; strip < all.last; ++strip) {
      if (!strips.has(strip)) clear(strip, place, 0);
    }
    if (strips.count() == 0) return;
    score(block, strips.first, seen.end);
    for (int64_t strip = strips.first; strip < strips.last; ++strip) {
      ahead.step(steps);
      if (strip + 1 < strips.last) score(block, strip + 1, seen.end);
      ahead.step(steps);
      differentiate(block, place, strip, seen.end);
    }
    // dQ^T += K^T dS^T.
    multiply<Tiles>({.a = keys_t + strips.first * kStripKeys,
                     .a_step = 2 * chunk_keys,
                     .b = gradient_pairs + strips.first * kStripKeys / 2 * kBlockQueries,
                     .b_step = 4 * kBlockQueries,
                     .c = blocks.dq + block * blocks.width * kBlockQueries,
                     .c_step = kBlockQueries,
                     .rows = blocks.width / 16,
                     .columns = 2,
                     .depth = strips.count(),
                     .accumulate = seen.begin < chunk});
  }

  bf16* row_of(bf16* rows, int64_t strip, int64_t place) const { return rows + strip * kStripKeys * width + place * kBlockQueries; }
  // Rows of a strip from `first` on.
  void clear(int64_t strip, int64_t place, int64_t first) const {
    for (bf16* rows : {weights, gradients}) {
      for (int64_t j = first; j < kStripKeys; ++j) _mm512_storeu_si512(row_of(rows, strip, place) + j * width, _mm512_setzero_si512());
    }
  }

  // S^T = K Q^T and dP^T = V dO^T of a strip.
  void score(int64_t block, int64_t strip, int64_t end) {
    TileProduct product{.a = keys + strip * kStripKeys * depth,
                        .a_step = 2 * depth,
                        .b = blocks.q_along + block * depth * 16,
                        .b_step = 4 * kBlockQueries,
                        .c = scores[strip % 2],
                        .c_step = kBlockQueries,
                        .rows = std::min<int64_t>(2, tiles_of_rows(strip, end)),
                        .columns = 2,
                        .depth = depth / 32,
                        .accumulate = false};
    multiply<Tiles>(product);
    product.a = values + strip * kStripKeys * depth;
    product.b = blocks.dout_along + block * depth * 16;
    product.c = dweights[strip % 2];
    multiply<Tiles>(product);
  }

  // Keys from `end` on are seen by none of the block.
  void differentiate(int64_t block, int64_t place, int64_t strip, int64_t end) {
    const int64_t key = chunk + strip * kStripKeys, seen = std::min(end - key, kStripKeys);
    const QueryBlocks::Statistics& statistics = blocks.statistics[block];
    const bool extra = has_rules(p) || p.dropout.probability > 0;
    float* rows = scores[strip % 2];
    if (has_rules(p)) apply_rules(p, s, at, key, kStripKeys, rows, slopes);
    if (statistics.saved.shifted) subtract_base(rows, kStripKeys, statistics.saved.base);
    const int64_t whole = extra ? 0 : sight.whole_pairs(at, key, seen), last = round_up(seen, 2);
    if (whole == kStripKeys) {  // a loop whose ends are known: 2 to 4 % of the backward
      differentiate_rows<false, false>(statistics, block, place, strip, 0, kStripKeys);
      return;
    }
    if (whole > 0) differentiate_rows<false, false>(statistics, block, place, strip, 0, whole);
    if (extra) {
      differentiate_rows<true, true>(statistics, block, place, strip, 0, last);
    } else if (whole < last) {
      differentiate_rows<true, false>(statistics, block, place, strip, whole, last);
    }
    clear(strip, place, last);
    std::memset(gradient_pairs + (strip * kStripKeys + last) / 2 * kBlockQueries, 0,
                static_cast<size_t>((kStripKeys - last) * kBlockQueries * 2));
  }

  // Rows [first, last) of a strip, both even. kExtra: with dropout, soft cap or bias of distance.
  template <bool kMasked, bool kExtra>
  void differentiate_rows(const QueryBlocks::Statistics& statistics, int64_t block, int64_t place, int64_t strip, int64_t first,
                          int64_t last) {
    const auto exponential = [&](int half) {
      return WeightExponential(exponent_scale(p), _mm512_loadu_ps(statistics.saved.power + 16 * half),
                               _mm512_loadu_ps(statistics.saved.least + 16 * half));
    };
    const WeightExponential powers[2] = {exponential(0), exponential(1)};
    const __m512 factors[2] = {_mm512_loadu_ps(statistics.saved.factor), _mm512_loadu_ps(statistics.saved.factor + 16)};
    const __m512i half_step = _mm512_set1_epi32(0x8000), upper = _mm512_set1_epi32(static_cast<int>(0xffff0000));
    const __m512 D[2] = {_mm512_loadu_ps(statistics.D), _mm512_loadu_ps(statistics.D + 16)};
    const float *from = scores[strip % 2], *dfrom = dweights[strip % 2];
    bf16 *weight_rows = row_of(weights, strip, place), *gradient_rows = row_of(gradients, strip, place);
    uint32_t* pairs = gradient_pairs + strip * kStripKeys / 2 * kBlockQueries;
    const int64_t key = chunk + strip * kStripKeys;
    uint32_t kept[2][kStripKeys];
    if constexpr (kExtra) find_kept(block, key, kept);
    for (int64_t j = first; j < last; j += 2) {
      __m512i rows_of_pair[2];
      for (int64_t k = j; k < j + 2; ++k) {
        __m512i P[2], dS[2];
        for (int half = 0; half < 2; ++half) {
          uint32_t seen = 0xffff;
          if constexpr (kMasked) seen = sight.lanes(at + 16 * half, key + k) & statistics.saved.present[half];
          P[half] = powers[half].template fixed<false>(_mm512_loadu_ps(from + k * kBlockQueries + 16 * half), static_cast<__mmask16>(seen));
        }
        const __m512i both = WeightExponential::pairs(P[0], P[1]);
        P[0] = _mm512_castps_si512(_mm512_mul_ps(_mm512_castsi512_ps(_mm512_slli_epi32(both, 16)), factors[0]));
        P[1] = _mm512_castps_si512(_mm512_mul_ps(_mm512_castsi512_ps(_mm512_and_si512(both, upper)), factors[1]));
        for (int half = 0; half < 2; ++half) {
          const int64_t place_of_row = k * kBlockQueries + 16 * half;
          __m512 dP = _mm512_loadu_ps(dfrom + place_of_row);
          if constexpr (kExtra) dP = _mm512_maskz_mul_ps(static_cast<__mmask16>(kept[half][k]), dP, _mm512_set1_ps(keep()));
          __m512 gradient = _mm512_mul_ps(_mm512_castsi512_ps(P[half]), _mm512_sub_ps(dP, D[half]));
          if constexpr (kExtra) {
            P[half] = _mm512_maskz_mov_epi32(static_cast<__mmask16>(kept[half][k]), P[half]);
            if (unit.bias_sums) add_to_bias(key + k, at + 16 * half, gradient);
            if (p.softcap != 0) gradient = _mm512_mul_ps(gradient, _mm512_loadu_ps(slopes + place_of_row));
          }
          P[half] = _mm512_add_epi32(P[half], half_step);
          dS[half] = _mm512_add_epi32(_mm512_castps_si512(gradient), half_step);
        }
        rows_of_pair[k - j] = upper_halves(dS[0], dS[1]);
        _mm512_storeu_si512(weight_rows + k * width, upper_halves(P[0], P[1]));
        _mm512_storeu_si512(gradient_rows + k * width, rows_of_pair[k - j]);
      }
      _mm512_storeu_si512(pairs + j / 2 * kBlockQueries, _mm512_unpacklo_epi16(rows_of_pair[0], rows_of_pair[1]));
      _mm512_storeu_si512(pairs + j / 2 * kBlockQueries + 16, _mm512_unpackhi_epi16(rows_of_pair[0], rows_of_pair[1]));
    }
  }

  // kept[half][key of the strip]: a bit for each of 16 queries.
  void find_kept(int64_t block, int64_t key, uint32_t (*kept)[kStripKeys]) const {
    const int64_t first = (block - member * blocks.rows) * kBlockQueries;
    for (int half = 0; half < 2; ++half) {
      if (p.dropout.probability == 0) {
        std::fill_n(kept[half], kStripKeys, 0xffffu);
        continue;
      }
      const DropoutLanes lanes(p.dropout, s.query_row + first + 16 * half, p.num_heads, s.head);
      for (int64_t group = 0; group < kStripKeys / 8; ++group) {
        __mmask32 pairs[4];
        lanes.kept(key / 8 + group, pairs);
        for (int64_t i = 0; i < 4; ++i) {
          kept[half][8 * group + 2 * i] = _pext_u32(pairs[i], 0x55555555);
          kept[half][8 * group + 2 * i + 1] = _pext_u32(pairs[i], 0xAAAAAAAA);
        }
      }
    }
  }

  // Sums of the gradients of the bias of each distance: lane i's key lies one less away than lane i + 1's.
  void add_to_bias(int64_t key, int64_t first_at, __m512 dS) const {
    const __m512i backwards = _mm512_set_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const int64_t columns = p.distance_bias.cols, column = p.distance_origin + key - first_at - 15;
    const int64_t low = std::clamp<int64_t>(-column, 0, 16), high = std::clamp<int64_t>(columns - column, 0, 16);
    if (low >= high) return;
    const auto inside = static_cast<__mmask16>((uint32_t{1} << high) - (uint32_t{1} << low));
    float* sums = unit.bias_sums + (chunk / chunk_keys * s.group + member) * columns + column;
    _mm512_mask_storeu_ps(sums, inside, _mm512_add_ps(_mm512_maskz_loadu_ps(inside, sums), _mm512_permutexvar_ps(backwards, dS)));
  }

  // Rows of dK or dV.
  void store_rows(const float* rows, const View& to, float factor) const {
    const __m512 times = _mm512_set1_ps(factor);
    const int64_t begin = p.keys.begin[unit.segment] + chunk;
    for (int64_t j = 0; j < std::min(chunk_keys, s.keys - chunk); ++j) {
      bf16* row = to.row<bf16>(begin + j) + s.key_column;
      for (int64_t c = 0; c < s.size; c += 32) {
        __m512 low = _mm512_mul_ps(times, _mm512_loadu_ps(rows + j * depth + c)),
               high = _mm512_mul_ps(times, _mm512_loadu_ps(rows + j * depth + c + 16));
        restore_order(low, high);
        const __mmask32 inside = first_32(s.size - c);
        _mm512_mask_storeu_epi16(row + c, inside, (__m512i)_mm512_cvtne2ps_pbh(high, low));
      }
    }
  }

  const AttentionBackwardParams& b;
  const AttentionParams& p;
  const Unit& unit;
  const QueryBlocks& blocks;
  Turns* turns;  // null: no other task adds to dQ
  Prefetcher& ahead;
  int64_t steps;         // rows that it asks for at a time
  bool started = false;  // do dk and dv hold anything
  HeadOfSequence s;
  Sight sight;
  int64_t chunk_keys, chunk;                // its most keys, and the first
  int64_t depth, width;                     // head size in whole tiles; queries of a group
  int64_t member = 0, at = 0;               // head within the group; where the block's first query lies
  bf16 *keys, *values, *keys_t;             // [chunk_keys][depth] twice, [depth][chunk_keys]
  float *dk, *dv;                           // [chunk_keys][depth], columns in the order of unpacked_place
  bf16 *weights, *gradients;                // [chunk_keys][width], P and dS
  uint32_t* gradient_pairs;                 // [chunk_keys / 2][kBlockQueries] pairs of keys of one block's dS, in the order of query_place
  float *scores[2], *dweights[2], *slopes;  // [kStripKeys][kBlockQueries], of two strips in turns
};

}  // namespace qkv::cpu
QKV_BF16_END
