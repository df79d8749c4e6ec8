// The online softmax of attention's forward on bf16 tiles: maxima, weights and sums of a block of queries.
#pragma once

#include "kernels/cpu/attention/attention_bf16_keys-inl.h"

QKV_BF16_BEGIN
namespace qkv::cpu {

// The online softmax of a block of queries.
struct alignas(64) QueryBlockState {
  float largest[kBlockQueries], sums[kBlockQueries];
  int64_t query, count;  // first query and number of queries
  int64_t at;            // the position of the first query among the keys
  int head;
  KeyRange seen;       // keys that any of the queries sees
  uint32_t poison[2];  // a bit for each of 16 queries that met a NaN score
  bool begun;          // whether the block's part of `outputs` holds sums
  bool sure;           // whether no weight can overflow or underflow a float, whatever reference it is relative to
};

// Turns scores into weights relative to the largest score of each query so far.
class Bf16OnlineSoftmax {
 public:
  // `head` is the caller's and follows its current query head.
  Bf16OnlineSoftmax(const AttentionParams& params, const HeadOfSequence& head) : params_(params), head_(head), sight_(params, head) {}

  // For a block whose weights need no reference (QueryBlockState::sure).
  void use_no_reference() {
    for (WeightExponential& power : powers_) power = WeightExponential(exponent_scale(params_), _mm512_setzero_ps());
  }

  // Applies soft-cap and bias to the scored strips and updates each query's maximum. Returns true if earlier outputs must be rescaled by
  // `factors`.
  bool update_maxima(QueryBlockState& state, int64_t chunk, const Strips& strips, float* scores) {
    __m512 largest[2] = {_mm512_loadu_ps(state.largest), _mm512_loadu_ps(state.largest + 16)};
    for (int64_t strip = strips.first; strip < strips.last; ++strip) {
      float* rows = scores + (strip - strips.first) * kStripKeys * kBlockQueries;
      const int64_t key = chunk * kForwardKeys + strip * kStripKeys;
      if (has_rules(params_)) apply_rules(params_, head_, state.at, key, kStripKeys, rows, nullptr);
      if (sight_.whole(state.at, key, kStripKeys)) {
        find_largest<false>(state, rows, key, largest);
      } else {
        find_largest<true>(state, rows, key, largest);
      }
    }
    const __m512 c = exponent_scale(params_), one = _mm512_set1_ps(1);
    bool moved_any = shifted_ = false;
    for (int half = 0; half < 2; ++half) {
      const __m512 before = _mm512_loadu_ps(state.largest + 16 * half);
      const Reference old(before, c), reference(largest[half], c);
      powers_[half] = WeightExponential(c, reference.power);
      shifted_ |= reference.shifted();
      _mm512_store_ps(base_ + 16 * half, reference.base);
      _mm512_storeu_ps(state.largest + 16 * half, largest[half]);
      // 2^(c (old base - base) + old power - power); 1 where no key was seen before.
      const __m512 exponent = _mm512_fmadd_ps(_mm512_sub_ps(old.base, reference.base), c, _mm512_sub_ps(old.power, reference.power));
      const __mmask16 moved = _mm512_cmp_ps_mask(exponent, _mm512_setzero_ps(), _CMP_NEQ_UQ) &
                              _mm512_cmp_ps_mask(before, _mm512_set1_ps(-INFINITY), _CMP_GT_OQ);
      const __m512 factor = _mm512_mask_mov_ps(one, moved, power_of_two(exponent));
      _mm512_store_ps(factors_ + 16 * half, factor);
      _mm512_storeu_ps(state.sums + 16 * half, _mm512_mul_ps(_mm512_loadu_ps(state.sums + 16 * half), factor));
      moved_any |= moved != 0;
    }
    return moved_any;
  }

  // Rescaling of the earlier outputs of 32 queries after update_maxima.
  const float* factors() const { return factors_; }

  // Turns the scores of a part into weights in bf16, pairs of keys beside each other.
  void weigh(QueryBlockState& state, int64_t key, float* from, uint32_t* to) {
    if (!state.sure && shifted_) subtract_base(from, kPartKeys, base_);
    const int64_t seen = std::clamp<int64_t>(state.seen.end - key, 0, kPartKeys);
    const int64_t whole = sight_.whole_pairs(state.at, key, seen);
    if (whole == kPartKeys) {
      weigh_whole_rows(state, from, to, key, kPartKeys);
    } else {
      weigh_whole_rows(state, from, to, key, whole);
      weigh_rows<true, false>(state, from, to, key, whole, round_up(seen, 2));
      for (int64_t i = round_up(seen, 2) * kBlockQueries / 2; i < kPartKeys * kBlockQueries / 2; i += 16)
        _mm512_storeu_si512(to + i, _mm512_setzero_si512());
    }
    if (params_.dropout.probability > 0) drop(state, to, key);
  }

 private:
  template <bool kMasked>
  void find_largest(QueryBlockState& state, const float* rows, int64_t key, __m512* largest) const {
    for (int64_t j = 0; j < kStripKeys; ++j) {
      for (int half = 0; half < 2; ++half) {
        __mmask16 seen = 0xffff;
        if constexpr (kMasked) seen = static_cast<__mmask16>(sight_.lanes(state.at + 16 * half, key + j));
        const __m512 x = _mm512_loadu_ps(rows + j * kBlockQueries + 16 * half);
        largest[half] = _mm512_mask_max_ps(largest[half], seen, x, largest[half]);  // if one operand is NaN, the second is returned
        state.poison[half] |= _mm512_mask_cmp_ps_mask(seen, x, x, _CMP_UNORD_Q);
      }
    }
  }

  inline __attribute__((always_inline)) void weigh_whole_rows(QueryBlockState& state, const float* from, uint32_t* to, int64_t key,
                                                              int64_t rows) {
    if (state.sure) {
      weigh_rows<false, true>(state, from, to, key, 0, rows);
    } else {
      weigh_rows<false, false>(state, from, to, key, 0, rows);
    }
  }

  // Handles rows [first, last) of a part, both even. kSure: no score is masked or below the least.
  template <bool kMasked, bool kSure>
  inline __attribute__((always_inline)) void weigh_rows(QueryBlockState& state, const float* from, uint32_t* to, int64_t key, int64_t first,
                                                        int64_t last) {
    const __m512bh ones = (__m512bh)_mm512_set1_epi16(0x3f80);
    for (int half = 0; half < 2; ++half) {
      const WeightExponential power = powers_[half];
      __m512 sums[2] = {_mm512_loadu_ps(state.sums + 16 * half), _mm512_setzero_ps()};
#pragma GCC unroll 8
      for (int64_t i = first; i < last; i += 2) {
        const float* row = from + i * kBlockQueries + 16 * half;
        uint32_t seen[2] = {0xffff, 0xffff};
        for (int64_t k = 0; kMasked && k < 2; ++k) seen[k] = sight_.lanes(state.at + 16 * half, key + i + k);
        const __m512i a = power.fixed<kSure>(_mm512_loadu_ps(row), static_cast<__mmask16>(seen[0]));
        const __m512i b = power.fixed<kSure>(_mm512_loadu_ps(row + kBlockQueries), static_cast<__mmask16>(seen[1]));
        const __m512i both = WeightExponential::pairs(a, b);
        // Sums the rounded weights, so that the rounding errors of an output row and of its divisor cancel.
        sums[0] = _mm512_dpbf16_ps(sums[0], (__m512bh)both, ones);
        std::swap(sums[0], sums[1]);
        _mm512_storeu_si512(to + i / 2 * kBlockQueries + 16 * half, both);
      }
      _mm512_storeu_ps(state.sums + 16 * half, _mm512_add_ps(sums[0], sums[1]));
    }
  }

  // Applies dropout to the weights of a part.
  void drop(const QueryBlockState& state, uint32_t* pairs, int64_t key) const {
    for (int half = 0; half < 2; ++half) {
      const DropoutLanes lanes(params_.dropout, head_.query_row + state.query + 16 * half, params_.num_heads, state.head);
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

  const AttentionParams& params_;
  const HeadOfSequence& head_;
  Sight sight_;
  WeightExponential powers_[2];
  bool shifted_ = false;  // whether any base is not zero
  alignas(64) float base_[kBlockQueries], factors_[kBlockQueries];
};

// Normalizes and stores the finished outputs of blocks of queries, and their log-sum-exp.
class Bf16AttentionOutput {
 public:
  // `head` is the caller's and follows its current query head; `width` is the head size in whole tiles of 16.
  Bf16AttentionOutput(const AttentionParams& params, const HeadOfSequence& head, int64_t width)
      : params_(params), head_(head), width_(width) {}

  // `sums`: [width][kBlockQueries] sums of the block's outputs.
  void finish(const QueryBlockState& state, float* sums) const {
    if (params_.log_sum_exp) save(state);
    if (!state.begun) std::memset(sums, 0, static_cast<size_t>(width_ * kBlockQueries) * sizeof(float));
    const auto keep = static_cast<float>(dropout_scale(params_.dropout.probability));
    for (int half = 0; half < 2; ++half) {
      const __m512 sum = sum_of_weights(state, half);
      const __mmask16 any = _mm512_cmp_ps_mask(sum, _mm512_setzero_ps(), _CMP_NEQ_UQ);
      const __m512 factor = _mm512_maskz_div_ps(any, _mm512_set1_ps(keep), sum);
      for (int64_t column = 0; column < width_; column += 32) {
        store_outputs(sums + column * kBlockQueries + 16 * half, factor, state.query + 16 * half, state.count - 16 * half, column);
      }
    }
  }

 private:
  // The sums of 16 queries; NaN if a score was infinite or NaN.
  __m512 sum_of_weights(const QueryBlockState& state, int half) const {
    const __mmask16 infinite = _mm512_cmp_ps_mask(_mm512_loadu_ps(state.largest + 16 * half), _mm512_set1_ps(INFINITY), _CMP_EQ_OQ);
    const __mmask16 poisoned = static_cast<__mmask16>(state.poison[half]) | infinite;
    return _mm512_mask_mov_ps(_mm512_loadu_ps(state.sums + 16 * half), poisoned, _mm512_set1_ps(NAN));
  }

  // Saves two numbers per query for the backward: the reference in units of raw scores, from which rounding recovers `power`, and the
  // logarithm of the sum.
  void save(const QueryBlockState& state) const {
    const __m512 c = exponent_scale(params_), nothing = _mm512_set1_ps(-INFINITY);
    alignas(64) float logarithms[kBlockQueries], references[kBlockQueries];
    for (int half = 0; half < 2; ++half) {
      const Reference reference(state.sure ? _mm512_setzero_ps() : _mm512_loadu_ps(state.largest + 16 * half), c);
      const __m512 score = _mm512_add_ps(reference.base, _mm512_div_ps(reference.power, c)), sum = sum_of_weights(state, half);
      const __mmask16 none = _mm512_cmp_ps_mask(sum, _mm512_setzero_ps(), _CMP_EQ_OQ);
      _mm512_store_ps(references + 16 * half, _mm512_mask_mov_ps(score, none, nothing));
      _mm512_store_ps(logarithms + 16 * half, logarithm(sum));
    }
    for (int64_t i = 0; i < state.count; ++i) {
      float* saved = params_.log_sum_exp.row<float>(head_.query_row + state.query + i) + 2 * head_.head;
      saved[0] = references[i];
      saved[1] = logarithms[i];
    }
  }

  // Writes up to 32 output columns of up to 16 queries from their transposed sums.
  void store_outputs(const float* transposed, __m512 factor, int64_t query, int64_t count, int64_t column) const {
    const int64_t rows = std::min<int64_t>(32, width_ - column);
    __m512i rounded[16], rest[16];  // columns 2 i and 2 i + 1 beside each other
    for (int64_t i = 0; i < 16; ++i) {
      const TwoRows x(transposed, i, rows, factor);
      rounded[i] = rounded_pairs(x.first, x.second);
      if (!params_.out_rest) continue;
      const __m512i upper = _mm512_set1_epi32(static_cast<int>(0xffff0000));
      rest[i] = rounded_pairs(_mm512_sub_ps(x.first, _mm512_castsi512_ps(_mm512_slli_epi32(rounded[i], 16))),
                              _mm512_sub_ps(x.second, _mm512_castsi512_ps(_mm512_and_si512(rounded[i], upper))));
    }
    store_rows(params_.out, rounded, query, count, column);
    if (params_.out_rest) store_rows(params_.out_rest, rest, query, count, column);
  }
  void store_rows(const View& to, __m512i* pairs, int64_t query, int64_t count, int64_t column) const {
    transpose_16(pairs);
    const __mmask32 inside = first_32(head_.size - column);
    bf16* row = to.row<bf16>(head_.query_row + query) + head_.query_column + column;
    for (int64_t i = 0; i < std::min<int64_t>(count, 16); ++i, row += to.stride) _mm512_mask_storeu_epi16(row, inside, pairs[i]);
  }

  const AttentionParams& params_;
  const HeadOfSequence& head_;
  int64_t width_;
};

}  // namespace qkv::cpu
QKV_BF16_END
