// Attention's forward on bf16 tiles for blocks of queries (FlashAttention: Dao et al. 2022, algorithm 1).
//
// A score costs 0.25 cycles of tile products at a head size of 64 and 0.19 of exponential and sum; with loads and stores of tiles, 0.7 (one
// core, whose clock falls from 3.7 to 2.9 GHz under products of real numbers). Speed depends on keeping scores, weights, operands and sums
// in L1, and on packing keys once per sequence and head.
#pragma once

#include "kernels/cpu/attention/attention_bf16_softmax-inl.h"

namespace qkv::cpu {

// A block of queries meets this many chunks of keys before the next block does: its sums stay in L1, the keys and values (192 KiB at a head
// size of 64) in L2.
inline constexpr int64_t kChunksPerRun = 3;

// Strips of keys that are scored together if weights need no reference: their scores take 8 KiB of L1.
inline constexpr int64_t kScoredStrips = 2;

// Blocks of queries, over all heads of a group, that meet the same run of chunks: their sums (128 KiB) stay in L2.
inline int64_t blocks_per_pass(int64_t head_size) { return std::clamp<int64_t>(1024 / round_up(head_size, 16), 4, 16); }

}  // namespace qkv::cpu

QKV_BF16_BEGIN
namespace qkv::cpu {

// Computes queries of all heads of a group, up to blocks_per_pass blocks at a time.
template <typename Tiles>
class Bf16AttentionForward {
 public:
  Bf16AttentionForward(const AttentionParams& params, const PackedKeys& of)
      : params_(params),
        packed_(of),
        head_(params_, of.segment, of.key_head * (params_.num_heads / params_.num_key_value_heads)),
        depth_(of.depth),
        width_(round_up(head_.size, 16)),
        largest_key_(of.largest_norm()),
        softmax_(params_, head_),
        output_(params_, head_, width_) {
    const int64_t blocks = blocks_per_pass(head_.size);
    const auto state_bytes = static_cast<int64_t>(sizeof(QueryBlockState));
    Arena arena(
        scratch_bytes(Scratch::attention_block, blocks * (depth_ * 64 + width_ * 128 + state_bytes) + kForwardKeys * (128 + 64) + 4096));
    queries_ = arena.take<uint32_t>(blocks * depth_ / 2 * kBlockQueries);
    outputs_ = arena.take<float>(blocks * width_ * kBlockQueries);
    states_ = arena.take<QueryBlockState>(blocks);
    scores_ = arena.take<float>(kForwardKeys * kBlockQueries);
    weights_ = arena.take<uint32_t>(kForwardKeys / 2 * kBlockQueries);
  }

  // Computes blocks [first, last), at most blocks_per_pass. The group's blocks are numbered head after head, `rows` per head. At each part
  // of a chunk, `steps` rows are prefetched through `ahead`.
  void run(int64_t rows, int64_t first, int64_t last, Prefetcher& ahead, int64_t steps) {
    int64_t first_chunk = packed_.first_chunk + packed_.chunks, last_chunk = 0;
    for (int64_t block = first; block < last; ++block) {
      start(states_[block - first], rows, block, block - first);
      const KeyRange seen = states_[block - first].seen;
      if (seen.size() == 0) continue;
      first_chunk = std::min(first_chunk, seen.begin / kForwardKeys);
      last_chunk = std::max(last_chunk, (seen.end + kForwardKeys - 1) / kForwardKeys);
    }
    for (int64_t run = first_chunk; run < last_chunk; run += kChunksPerRun) {
      for (int64_t place = 0; place < last - first; ++place) {
        for (int64_t chunk = run; chunk < std::min(last_chunk, run + kChunksPerRun); ++chunk) {
          const Strips strips(states_[place].seen, chunk * kForwardKeys, kForwardKeys);
          if (strips.count() > 0) add_chunk(place, chunk, strips, ahead, steps);
        }
      }
    }
    for (int64_t place = 0; place < last - first; ++place) {
      head_.set_head(states_[place].head);
      output_.finish(states_[place], outputs_ + place * width_ * kBlockQueries);
    }
  }

 private:
  void start(QueryBlockState& state, int64_t rows, int64_t block, int64_t place) {
    state.head = static_cast<int>(packed_.key_head * head_.group + block / rows);
    head_.set_head(state.head);
    state.query = block % rows * kBlockQueries;
    state.count = std::min(kBlockQueries, head_.queries - state.query);
    state.at = head_.position(state.query);
    state.seen = head_.visible(params_, state.query, state.query + state.count, {0, head_.keys});
    state.poison[0] = state.poison[1] = 0;
    const bf16* pointers[kBlockQueries];
    HeadPointers::queries(params_.q, head_, state.query, head_.queries, kBlockQueries, pointers);
    uint32_t* to = queries_ + place * depth_ / 2 * kBlockQueries;
    __m512 largest = _mm512_setzero_ps();
    for (int64_t half = 0; half < 2; ++half) {
      pairs_along_rows(pointers + 16 * half, head_.size, to + 16 * half, kBlockQueries);
      __m512 squares[4] = {};
      for (int64_t pair = 0; pair < depth_ / 2; pair += 4) {
        for (int64_t i = 0; i < 4; ++i) {
          const auto x = (__m512bh)_mm512_loadu_si512(to + (pair + i) * kBlockQueries + 16 * half);
          squares[i] = _mm512_dpbf16_ps(squares[i], x, x);
        }
      }
      largest = larger(largest, _mm512_add_ps(_mm512_add_ps(squares[0], squares[1]), _mm512_add_ps(squares[2], squares[3])));
      _mm512_storeu_ps(state.largest + 16 * half, _mm512_set1_ps(-INFINITY));
      _mm512_storeu_ps(state.sums + 16 * half, _mm512_setzero_ps());
    }
    // |q . k| <= |q| |k| (Cauchy-Schwarz): if all exponents are this small, weights need no reference and no maximum.
    const bool numbers = _mm512_cmp_ps_mask(largest, _mm512_set1_ps(INFINITY), _CMP_LT_OQ) == 0xffff;
    state.sure = numbers && !has_rules(params_) && std::sqrt(_mm512_reduce_max_ps(largest)) * largest_key_ * params_.scale * kLog2E <= 80;
    state.begun = false;
  }

  // Adds the visible strips of a chunk of keys to one block: S^T = K Q^T and the weights, some strips at a time, then O^T += V^T P^T for
  // all. While the tile unit works, multiply-adds run on one port of two; interleaving the three steps gained nothing (measured).
  void add_chunk(int64_t place, int64_t chunk, Strips strips, Prefetcher& ahead, int64_t steps) {
    QueryBlockState& state = states_[place];
    const int64_t index = chunk - packed_.first_chunk, first_key = strips.first * kStripKeys;
    if (state.sure) {
      softmax_.use_no_reference();
    } else {
      head_.set_head(state.head);
    }
    // Weights relative to the largest score must wait until all strips are scored.
    const int64_t together = state.sure ? kScoredStrips : strips.count();
    for (int64_t strip = strips.first; strip < strips.last; strip += together) {
      const Strips some{strip, std::min(strips.last, strip + together)};
      score(place, chunk, some);
      if (!state.sure && softmax_.update_maxima(state, chunk, some, scores_)) rescale_outputs(place);
      for (int64_t key = some.first * kStripKeys; key < some.last * kStripKeys; key += kPartKeys) {
        softmax_.weigh(state, chunk * kForwardKeys + key, scores_ + (key - some.first * kStripKeys) * kBlockQueries,
                       weights_ + key / 2 * kBlockQueries);
        ahead.step(steps);
      }
    }
    prefetch_chunk(index + kChunksPerRun, place);
    multiply<Tiles>({.a = packed_.values_t + index * depth_ * packed_.step + first_key,
                     .a_step = 2 * packed_.step,
                     .b = weights_ + first_key / 2 * kBlockQueries,
                     .b_step = 4 * kBlockQueries,
                     .c = outputs_ + place * width_ * kBlockQueries,
                     .c_step = kBlockQueries,
                     .rows = width_ / 16,
                     .columns = 2,
                     .depth = strips.count(),
                     .accumulate = state.begun});
    state.begun = true;
  }

  void score(int64_t place, int64_t chunk, const Strips& strips) {
    const int64_t first = strips.first * kStripKeys,
                  last = std::min(states_[place].seen.end - chunk * kForwardKeys, strips.last * kStripKeys);
    multiply<Tiles>({.a = packed_.keys + ((chunk - packed_.first_chunk) * packed_.step + first) * depth_,
                     .a_step = 2 * depth_,
                     .b = queries_ + place * depth_ / 2 * kBlockQueries,
                     .b_step = 4 * kBlockQueries,
                     .c = scores_,
                     .c_step = kBlockQueries,
                     .rows = (last - first + 15) / 16,
                     .columns = 2,
                     .depth = depth_ / 32,
                     .accumulate = false});
  }

  // Prefetches this block's share of a chunk of packed keys and values of the next run; for long sequences they come from beyond L2.
  void prefetch_chunk(int64_t index, int64_t place) const {
    if (index >= packed_.chunks) return;
    const int64_t bytes = packed_.step * depth_ * 2, share = round_up(bytes / blocks_per_pass(head_.size), 64);
    for (const bf16* x : {packed_.keys, packed_.values_t}) {
      const char* from = reinterpret_cast<const char*>(x) + index * bytes;
      for (int64_t i = place * share; i < std::min(bytes, (place + 1) * share); i += 64) __builtin_prefetch(from + i, 0, 2);
    }
  }

  // Multiplies the sums of a block by the factors of the softmax.
  void rescale_outputs(int64_t place) {
    float* rows = outputs_ + place * width_ * kBlockQueries;
    for (int64_t c = 0; c < 2 * width_; ++c)
      _mm512_storeu_ps(rows + 16 * c, _mm512_mul_ps(_mm512_loadu_ps(rows + 16 * c), _mm512_load_ps(softmax_.factors() + c % 2 * 16)));
  }

  const AttentionParams& params_;
  const PackedKeys& packed_;
  HeadOfSequence head_;
  int64_t depth_, width_;  // head size in whole tiles as a product's depth and as its rows
  float largest_key_;      // the largest norm of a key
  Bf16OnlineSoftmax softmax_;
  Bf16AttentionOutput output_;
  uint32_t* queries_;        // [blocks][depth / 2][kBlockQueries] pairs
  float* outputs_;           // [blocks][width][kBlockQueries]
  QueryBlockState* states_;  // [blocks]
  float* scores_;            // [kForwardKeys][kBlockQueries]
  uint32_t* weights_;        // [kForwardKeys / 2][kBlockQueries] pairs
};

}  // namespace qkv::cpu
QKV_BF16_END
