// Attention's backward on bf16 tiles for one chunk of keys (Dao et al. 2022, B.2). For a few blocks of queries at a time: P from the saved
// log-sum-exp, dP^T = V dO^T, dS = P * (dP - D), then dV += P^T dO, dK += dS^T Q, dQ^T += K^T dS^T.
//
// Bound by the five products of a score: 0.625 cycles at a head size of 64. The exponential and the rest take about 0.45 on other units.
#pragma once

#include "kernels/cpu/attention/attention_bf16_queries-inl.h"
#include "kernels/cpu/attention/attention_turns.h"

namespace qkv::cpu {

// Blocks of queries whose weights are computed before they are multiplied, so that sums of dK and dV are loaded and stored once for all of
// them. 2 and 8 were 6 % slower.
inline constexpr int64_t kGroupBlocks = 4;

// Keys per chunk: sums of dQ are loaded and stored once for all of them. 256 instead of 128 makes 8,192 tokens 1.14 times as fast and 512
// tokens 5 % slower; 64 was 20 % slower.
inline constexpr int64_t kMostChunkKeys = 256;
inline int64_t keys_at_a_time(int64_t keys) {
  return keys > 1024 ? kMostChunkKeys : std::clamp(round_up(keys, kStripKeys), kStripKeys, kMostChunkKeys / 2);
}

inline int64_t groups_per_head(const QueryBlocks& blocks) { return (blocks.rows + kGroupBlocks - 1) / kGroupBlocks; }

}  // namespace qkv::cpu

QKV_BF16_BEGIN
namespace qkv::cpu {

// A block of queries while it meets a chunk of keys.
struct BlockOfUnit {
  int64_t index;  // among all blocks of the unit
  int64_t place;  // within the blocks that are multiplied together
  int64_t query;  // its first query
  int64_t at;     // the position of that query among the keys
  KeyRange seen;  // keys that any of its queries sees
};

// Scratch buffers for the elementwise part of the backward.
struct GradientBuffers {
  bf16 *weights, *gradients;                // [chunk_keys][width], P and dS
  uint32_t* gradient_pairs;                 // [chunk_keys / 2][kBlockQueries] pairs of keys of one block's dS, in the order of query_place
  float *scores[2], *dweights[2], *slopes;  // [kStripKeys][kBlockQueries]; strips alternate between the two
};

inline float dropout_keep_scale(const AttentionParams& p) { return static_cast<float>(dropout_scale(p.dropout.probability)); }

// The elementwise part of the backward: from the scores and dP of a strip of keys to P and dS in bf16.
class Bf16ScoreGradients {
 public:
  // `head` is the caller's and follows its current query head.
  Bf16ScoreGradients(const AttentionParams& forward, const Unit& unit, const HeadOfSequence& head, int64_t chunk, int64_t width,
                     const GradientBuffers& buffers)
      : forward_(forward), unit_(unit), head_(head), sight_(forward, head), chunk_(chunk), width_(width), buffers_(buffers) {}

  // Zeroes the rows of a strip from `first` on.
  void clear(const BlockOfUnit& block, int64_t strip, int64_t first) const {
    for (bf16* rows : {buffers_.weights, buffers_.gradients}) {
      for (int64_t j = first; j < kStripKeys; ++j)
        _mm512_storeu_si512(row_of(rows, strip, block.place) + j * width_, _mm512_setzero_si512());
    }
  }

  // Turns the scores and dP of a strip into its weights and gradients.
  void differentiate(const BlockOfUnit& block, int64_t strip) {
    const int64_t key = chunk_ + strip * kStripKeys, seen = std::min(block.seen.end - key, kStripKeys);
    const QueryBlocks::Statistics& statistics = unit_.blocks.statistics[block.index];
    const bool extra = has_rules(forward_) || forward_.dropout.probability > 0;
    float* rows = buffers_.scores[strip % 2];
    if (has_rules(forward_)) apply_rules(forward_, head_, block.at, key, kStripKeys, rows, buffers_.slopes);
    if (statistics.saved.shifted) subtract_base(rows, kStripKeys, statistics.saved.base);
    const int64_t whole = extra ? 0 : sight_.whole_pairs(block.at, key, seen), last = round_up(seen, 2);
    if (whole == kStripKeys) {  // a loop whose ends are known: 2 to 4 % of the backward
      differentiate_rows<false, false>(statistics, block, strip, 0, kStripKeys);
      return;
    }
    if (whole > 0) differentiate_rows<false, false>(statistics, block, strip, 0, whole);
    if (extra) {
      differentiate_rows<true, true>(statistics, block, strip, 0, last);
    } else if (whole < last) {
      differentiate_rows<true, false>(statistics, block, strip, whole, last);
    }
    clear(block, strip, last);
    std::memset(buffers_.gradient_pairs + (strip * kStripKeys + last) / 2 * kBlockQueries, 0,
                static_cast<size_t>((kStripKeys - last) * kBlockQueries * 2));
  }

 private:
  bf16* row_of(bf16* rows, int64_t strip, int64_t place) const { return rows + strip * kStripKeys * width_ + place * kBlockQueries; }
  // Handles rows [first, last) of a strip, both even. kExtra: dropout, soft-cap or distance bias is used.
  template <bool kMasked, bool kExtra>
  void differentiate_rows(const QueryBlocks::Statistics& statistics, const BlockOfUnit& block, int64_t strip, int64_t first, int64_t last) {
    const auto exponential = [&](int half) {
      return WeightExponential(exponent_scale(forward_), _mm512_loadu_ps(statistics.saved.power + 16 * half),
                               _mm512_loadu_ps(statistics.saved.least + 16 * half));
    };
    const WeightExponential powers[2] = {exponential(0), exponential(1)};
    const __m512 factors[2] = {_mm512_loadu_ps(statistics.saved.factor), _mm512_loadu_ps(statistics.saved.factor + 16)};
    const __m512i half_step = _mm512_set1_epi32(0x8000), upper = _mm512_set1_epi32(static_cast<int>(0xffff0000));
    const __m512 D[2] = {_mm512_loadu_ps(statistics.D), _mm512_loadu_ps(statistics.D + 16)};
    const float *from = buffers_.scores[strip % 2], *dfrom = buffers_.dweights[strip % 2];
    bf16 *weight_rows = row_of(buffers_.weights, strip, block.place), *gradient_rows = row_of(buffers_.gradients, strip, block.place);
    uint32_t* pairs = buffers_.gradient_pairs + strip * kStripKeys / 2 * kBlockQueries;
    const int64_t key = chunk_ + strip * kStripKeys;
    uint32_t kept[2][kStripKeys];
    if constexpr (kExtra) find_kept(block, key, kept);
    for (int64_t j = first; j < last; j += 2) {
      __m512i rows_of_pair[2];
      for (int64_t k = j; k < j + 2; ++k) {
        __m512i P[2], dS[2];
        for (int half = 0; half < 2; ++half) {
          uint32_t seen = 0xffff;
          if constexpr (kMasked) seen = sight_.lanes(block.at + 16 * half, key + k) & statistics.saved.present[half];
          P[half] = powers[half].template fixed<false>(_mm512_loadu_ps(from + k * kBlockQueries + 16 * half), static_cast<__mmask16>(seen));
        }
        const __m512i both = WeightExponential::pairs(P[0], P[1]);
        P[0] = _mm512_castps_si512(_mm512_mul_ps(_mm512_castsi512_ps(_mm512_slli_epi32(both, 16)), factors[0]));
        P[1] = _mm512_castps_si512(_mm512_mul_ps(_mm512_castsi512_ps(_mm512_and_si512(both, upper)), factors[1]));
        for (int half = 0; half < 2; ++half) {
          const int64_t place_of_row = k * kBlockQueries + 16 * half;
          __m512 dP = _mm512_loadu_ps(dfrom + place_of_row);
          if constexpr (kExtra)
            dP = _mm512_maskz_mul_ps(static_cast<__mmask16>(kept[half][k]), dP, _mm512_set1_ps(dropout_keep_scale(forward_)));
          __m512 gradient = _mm512_mul_ps(_mm512_castsi512_ps(P[half]), _mm512_sub_ps(dP, D[half]));
          if constexpr (kExtra) {
            P[half] = _mm512_maskz_mov_epi32(static_cast<__mmask16>(kept[half][k]), P[half]);
            if (unit_.bias_sums) add_to_bias(key + k, block.at + 16 * half, gradient);
            if (forward_.softcap != 0) gradient = _mm512_mul_ps(gradient, _mm512_loadu_ps(buffers_.slopes + place_of_row));
          }
          P[half] = _mm512_add_epi32(P[half], half_step);
          dS[half] = _mm512_add_epi32(_mm512_castps_si512(gradient), half_step);
        }
        rows_of_pair[k - j] = upper_halves(dS[0], dS[1]);
        _mm512_storeu_si512(weight_rows + k * width_, upper_halves(P[0], P[1]));
        _mm512_storeu_si512(gradient_rows + k * width_, rows_of_pair[k - j]);
      }
      _mm512_storeu_si512(pairs + j / 2 * kBlockQueries, _mm512_unpacklo_epi16(rows_of_pair[0], rows_of_pair[1]));
      _mm512_storeu_si512(pairs + j / 2 * kBlockQueries + 16, _mm512_unpackhi_epi16(rows_of_pair[0], rows_of_pair[1]));
    }
  }

  // Fills kept[half][key of the strip] with a bit for each of 16 queries.
  void find_kept(const BlockOfUnit& block, int64_t key, uint32_t (*kept)[kStripKeys]) const {
    for (int half = 0; half < 2; ++half) {
      if (forward_.dropout.probability == 0) {
        std::fill_n(kept[half], kStripKeys, 0xffffu);
        continue;
      }
      const DropoutLanes lanes(forward_.dropout, head_.query_row + block.query + 16 * half, forward_.num_heads, head_.head);
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

  // Adds dS of one key and 16 queries to the gradient of the distance bias. Lane i is one key closer than lane i + 1.
  void add_to_bias(int64_t key, int64_t first_at, __m512 dS) const {
    const __m512i backwards = _mm512_set_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const int64_t columns = forward_.distance_bias.cols, column = forward_.distance_origin + key - first_at - 15;
    const int64_t low = std::clamp<int64_t>(-column, 0, 16), high = std::clamp<int64_t>(columns - column, 0, 16);
    if (low >= high) return;
    const auto inside = static_cast<__mmask16>((uint32_t{1} << high) - (uint32_t{1} << low));
    float* sums = unit_.bias_sums + (chunk_ / unit_.chunk_keys * head_.group + head_.head % head_.group) * columns + column;
    _mm512_mask_storeu_ps(sums, inside, _mm512_add_ps(_mm512_maskz_loadu_ps(inside, sums), _mm512_permutexvar_ps(backwards, dS)));
  }

  const AttentionParams& forward_;
  const Unit& unit_;
  const HeadOfSequence& head_;
  Sight sight_;
  int64_t chunk_, width_;  // first key of the chunk; queries of a group of blocks
  GradientBuffers buffers_;
};

// Computes dK and dV of one chunk of a unit's keys and adds the chunk's part to dQ.
template <typename Tiles>
class Bf16AttentionBackward {
 public:
  Bf16AttentionBackward(const AttentionBackwardParams& params, const Unit& of, int64_t number, Turns* order, Prefetcher& next, int64_t rows)
      : params_(params),
        forward_(params.forward),
        unit_(of),
        blocks_(of.blocks),
        turns_(order),
        ahead_(next),
        steps_(rows),
        head_(forward_, of.segment, of.key_head * (forward_.num_heads / forward_.num_key_value_heads)),
        chunk_keys_(of.chunk_keys),
        chunk_(number * chunk_keys_),
        depth_(of.blocks.depth),
        width_(std::min(kGroupBlocks, of.blocks.rows) * kBlockQueries),
        buffers_(take_buffers()),
        elementwise_(forward_, unit_, head_, chunk_, width_, buffers_) {}

  void run() {
    pack();
    const int64_t groups = groups_per_head(blocks_);
    for (int64_t member = 0; member < head_.group; ++member) {
      head_.set_head(static_cast<int>(unit_.key_head * head_.group + member));
      for (int64_t group = 0; group < groups; ++group) run_group(member, group);
    }
    if (!started_) clear_sums();
    store_rows(dk_, params_.dk, forward_.scale);
    store_rows(dv_, params_.dv, dropout_keep_scale(forward_));
  }

 private:
  // Takes all scratch buffers of the chunk.
  GradientBuffers take_buffers() {
    GradientBuffers buffers;
    Arena arena(
        scratch_bytes(Scratch::attention_block, chunk_keys_ * (3 * depth_ * 2 + 2 * depth_ * 4 + 2 * width_ * 2 + 64) + 5 * 4096 + 4096));
    keys_ = arena.take<bf16>(chunk_keys_ * depth_);
    values_ = arena.take<bf16>(chunk_keys_ * depth_);
    keys_t_ = arena.take<bf16>(chunk_keys_ * depth_);
    dk_ = arena.take<float>(chunk_keys_ * depth_);
    dv_ = arena.take<float>(chunk_keys_ * depth_);
    buffers.weights = arena.take<bf16>(chunk_keys_ * width_);
    buffers.gradients = arena.take<bf16>(chunk_keys_ * width_);
    buffers.gradient_pairs = arena.take<uint32_t>(chunk_keys_ / 2 * kBlockQueries);
    for (int i = 0; i < 2; ++i) {
      buffers.scores[i] = arena.take<float>(kStripKeys * kBlockQueries);
      buffers.dweights[i] = arena.take<float>(kStripKeys * kBlockQueries);
    }
    buffers.slopes = arena.take<float>(kStripKeys * kBlockQueries);
    return buffers;
  }

  void clear_sums() {
    for (float* sums : {dk_, dv_})
      std::memset(sums, 0, static_cast<size_t>(keys_to_pack(head_, chunk_, chunk_keys_) * depth_) * sizeof(float));
    started_ = true;
  }

  void pack() {
    const bf16* pointers[kMostChunkKeys];
    const int64_t count = keys_to_pack(head_, chunk_, chunk_keys_);
    HeadPointers::keys(forward_, forward_.v, unit_.segment, head_, chunk_, count, pointers);
    for (int64_t j = 0; j < count; ++j) copy_row(pointers[j], head_.size, values_ + j * depth_);
    HeadPointers::keys(forward_, forward_.k, unit_.segment, head_, chunk_, count, pointers);
    for (int64_t j = 0; j < count; ++j) copy_row(pointers[j], head_.size, keys_ + j * depth_);
    for (int64_t j = 0; j < count; j += 32) transpose_rows(pointers + j, head_.size, keys_t_ + j, chunk_keys_);
  }

  // Handles kGroupBlocks blocks of the head from kGroupBlocks * group on.
  void run_group(int64_t member, int64_t group) {
    const int64_t first_block = group * kGroupBlocks, count = std::min(kGroupBlocks, blocks_.rows - first_block);
    const int64_t first = first_block * kBlockQueries, last = std::min(head_.queries, (first_block + count) * kBlockQueries);
    const KeyRange seen = head_.visible(forward_, first, last, {0, head_.keys});
    const Strips all(seen, chunk_, chunk_keys_);
    if (all.count() == 0) return;
    const int64_t block = member * blocks_.rows + first_block;
    if (turns_) wait_for_turn(member, group, first, last);
    for (int64_t i = 0; i < count; ++i) run_block(block_of_unit(block + i, i, first + i * kBlockQueries), all);
    if (turns_) turns_->pass_on(turn_of(member, group));
    // dV += P^T dO, dK += dS^T Q. The first products that fill all rows overwrite the sums.
    const int64_t tiles = tiles_of_rows(all.first, seen.end);
    if (!started_ && tiles != tiles_of_rows(0, head_.keys)) clear_sums();
    TileProduct product{.a = buffers_.weights + all.first * kStripKeys * width_,
                        .a_step = 2 * width_,
                        .b = blocks_.dout_across + block * depth_ * 16,
                        .b_step = 4 * depth_,
                        .c = dv_ + all.first * kStripKeys * depth_,
                        .c_step = depth_,
                        .rows = tiles,
                        .columns = depth_ / 16,
                        .depth = count,
                        .accumulate = started_};
    multiply<Tiles>(product);
    product.a = buffers_.gradients + all.first * kStripKeys * width_;
    product.b = blocks_.q_across + block * depth_ * 16;
    product.c = dk_ + all.first * kStripKeys * depth_;
    multiply<Tiles>(product);
    started_ = true;
  }

  // Tiles of 16 keys from a strip on up to the last key below `end`.
  int64_t tiles_of_rows(int64_t strip, int64_t end) const { return (std::min(end - chunk_, chunk_keys_) - strip * kStripKeys + 15) / 16; }

  size_t turn_of(int64_t member, int64_t group) const { return static_cast<size_t>(member * groups_per_head(blocks_) + group); }
  // Waits until all earlier chunks have added their part to dQ of these queries.
  void wait_for_turn(int64_t member, int64_t group, int64_t first, int64_t last) const {
    const int64_t first_chunk = head_.visible(forward_, first, last, {0, head_.keys}).begin / chunk_keys_;
    turns_->wait_for(turn_of(member, group), chunk_ / chunk_keys_ - first_chunk);
  }

  BlockOfUnit block_of_unit(int64_t index, int64_t place, int64_t query) const {
    const int64_t last = std::min(head_.queries, query + kBlockQueries);
    return {index, place, query, head_.position(query), head_.visible(forward_, query, last, {0, head_.keys})};
  }

  // Computes P and dS of one block and adds the block's part to dQ. `all`: the strips that any block of the group sees.
  void run_block(const BlockOfUnit& block, const Strips& all) {
    const Strips strips(block.seen, chunk_, chunk_keys_);
    for (int64_t strip = all.first; strip < all.last; ++strip) {
      if (!strips.has(strip)) elementwise_.clear(block, strip, 0);
    }
    if (strips.count() == 0) return;
    score(block, strips.first);
    for (int64_t strip = strips.first; strip < strips.last; ++strip) {
      ahead_.step(steps_);
      if (strip + 1 < strips.last) score(block, strip + 1);
      ahead_.step(steps_);
      elementwise_.differentiate(block, strip);
    }
    // dQ^T += K^T dS^T.
    multiply<Tiles>({.a = keys_t_ + strips.first * kStripKeys,
                     .a_step = 2 * chunk_keys_,
                     .b = buffers_.gradient_pairs + strips.first * kStripKeys / 2 * kBlockQueries,
                     .b_step = 4 * kBlockQueries,
                     .c = blocks_.dq + block.index * blocks_.width * kBlockQueries,
                     .c_step = kBlockQueries,
                     .rows = blocks_.width / 16,
                     .columns = 2,
                     .depth = strips.count(),
                     .accumulate = block.seen.begin < chunk_});
  }

  // S^T = K Q^T and dP^T = V dO^T of a strip.
  void score(const BlockOfUnit& block, int64_t strip) {
    TileProduct product{.a = keys_ + strip * kStripKeys * depth_,
                        .a_step = 2 * depth_,
                        .b = blocks_.q_along + block.index * depth_ * 16,
                        .b_step = 4 * kBlockQueries,
                        .c = buffers_.scores[strip % 2],
                        .c_step = kBlockQueries,
                        .rows = std::min<int64_t>(2, tiles_of_rows(strip, block.seen.end)),
                        .columns = 2,
                        .depth = depth_ / 32,
                        .accumulate = false};
    multiply<Tiles>(product);
    product.a = values_ + strip * kStripKeys * depth_;
    product.b = blocks_.dout_along + block.index * depth_ * 16;
    product.c = buffers_.dweights[strip % 2];
    multiply<Tiles>(product);
  }

  // Writes the rows of dK or dV.
  void store_rows(const float* rows, const View& to, float factor) const {
    const __m512 times = _mm512_set1_ps(factor);
    const int64_t begin = forward_.keys.begin[unit_.segment] + chunk_;
    for (int64_t j = 0; j < std::min(chunk_keys_, head_.keys - chunk_); ++j) {
      bf16* row = to.row<bf16>(begin + j) + head_.key_column;
      for (int64_t c = 0; c < head_.size; c += 32) {
        __m512 low = _mm512_mul_ps(times, _mm512_loadu_ps(rows + j * depth_ + c)),
               high = _mm512_mul_ps(times, _mm512_loadu_ps(rows + j * depth_ + c + 16));
        restore_order(low, high);
        const __mmask32 inside = first_32(head_.size - c);
        _mm512_mask_storeu_epi16(row + c, inside, (__m512i)_mm512_cvtne2ps_pbh(high, low));
      }
    }
  }

  const AttentionBackwardParams& params_;
  const AttentionParams& forward_;
  const Unit& unit_;
  const QueryBlocks& blocks_;
  Turns* turns_;  // null: no other task adds to dQ
  Prefetcher& ahead_;
  int64_t steps_;         // rows to prefetch at a time
  bool started_ = false;  // whether dk and dv hold sums
  HeadOfSequence head_;
  int64_t chunk_keys_, chunk_;      // the most keys of a chunk; first key of this one
  int64_t depth_, width_;           // head size in whole tiles; queries of a group
  bf16 *keys_, *values_, *keys_t_;  // [chunk_keys][depth] twice, [depth][chunk_keys]
  float *dk_, *dv_;                 // [chunk_keys][depth], columns in the order of unpacked_place
  GradientBuffers buffers_;
  Bf16ScoreGradients elementwise_;
};

}  // namespace qkv::cpu
QKV_BF16_END
