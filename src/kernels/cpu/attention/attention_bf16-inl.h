// Shared by forward and backward of attention on bf16 tiles. Scores are kept transposed, a row per key and a column per query: maxima, sums
// and exponentials of 16 queries then need no cross-lane steps, and the rows serve directly as an operand of the next product.
#pragma once

#include <cmath>
#include <cstring>

#include "kernels/cpu/attention/attention_tasks.h"
#include "kernels/cpu/vector/bf16_exponential-inl.h"
#include "kernels/cpu/vector/bf16_tiles.h"
#include "kernels/cpu/vector/scratch.h"
#include "kernels/dropout.h"
#include "kernels/params.h"

namespace qkv::cpu {

inline constexpr int64_t kBlockQueries = 32;  // columns of scores: two vectors
inline constexpr int64_t kStripKeys = 32;     // rows of weights that a product takes at a time; fully masked strips are skipped
inline constexpr int64_t kPartKeys = 16;      // rows that become weights at a time; masking and prefetching work at this granularity

// Divides a scratch buffer into arrays.
class Arena {
 public:
  explicit Arena(void* memory) : at_(static_cast<char*>(memory)) {}
  template <typename T>
  T* take(int64_t count) {
    T* taken = reinterpret_cast<T*>(at_);
    at_ += round_up(count * static_cast<int64_t>(sizeof(T)), 64);
    return taken;
  }

 private:
  char* at_;
};

// Pointers to rows of one head of x; null past the end.
class HeadPointers {
 public:
  // Queries of `s` from `first` on, up to `end`.
  static void queries(const View& x, const HeadOfSequence& s, int64_t first, int64_t end, int64_t count, const bf16** rows) {
    for (int64_t i = 0; i < count; ++i) rows[i] = first + i < end ? x.row<const bf16>(s.query_row + first + i) + s.query_column : nullptr;
  }
  // Keys or values from `first` on.
  static void keys(const AttentionParams& p, const View& x, int64_t segment, const HeadOfSequence& s, int64_t first, int64_t count,
                   const bf16** rows) {
    const int64_t begin = p.keys.begin[segment];
    for (int64_t j = 0; j < count; ++j) {
      const int64_t key = first + j;
      rows[j] = key < s.keys ? x.row<const bf16>(p.keys.index ? p.keys.index[begin + key] : begin + key) + s.key_column : nullptr;
    }
  }
};

// Number of rows of a chunk of keys that products read: the rows present, zero-padded to whole strips.
inline int64_t keys_to_pack(const HeadOfSequence& s, int64_t chunk, int64_t chunk_keys) {
  return round_up(std::min(chunk_keys, s.keys - chunk), kStripKeys);
}

// Prefetches rows into L2, some at a time. Consecutive rows of one head are a row of all heads apart, which no hardware prefetcher follows:
// without this, attention over 16 sequences of 512 tokens and 8 heads waited for memory half of its time.
class Prefetcher {
 public:
  // Adds rows [first, first + count) of x, `size` columns from `column` on.
  void add(const View& x, int64_t first, int64_t count, int64_t column, int64_t size, bool written) {
    if (!x || spans_ == kSpans || count == 0) return;
    span_[spans_++] = {x.row<const char>(0) + (first * x.stride + column) * 2, x.stride * 2, count, size * 2, written};
    rows_ += count;
  }
  int64_t rows() const { return rows_; }
  void step(int64_t rows) {
    while (rows > 0 && at_ < spans_) {
      Span& span = span_[at_];
      const int64_t count = std::min(rows, span.rows);
      if (span.written) {
        ask<1>(span, count);
      } else {
        ask<0>(span, count);
      }
      rows -= count;
      if (span.rows == 0) ++at_;
    }
  }

 private:
  struct Span {  // rows left to prefetch
    const char* start;
    int64_t step, rows, bytes;
    bool written;
  };
  template <int kWritten>
  static void ask(Span& span, int64_t count) {
    span.rows -= count;
    for (; count > 0; --count, span.start += span.step) {
      for (int64_t i = 0; i < span.bytes; i += 64) __builtin_prefetch(span.start + i, kWritten, 2);
    }
  }
  static constexpr int kSpans = 10;
  Span span_[kSpans];
  int spans_ = 0, at_ = 0;
  int64_t rows_ = 0;
};

// Strips [first, last) of a chunk that contain keys of a range. The chunk has `chunk_keys` keys from `chunk` on.
struct Strips {
  int64_t first = 0, last = 0;
  Strips(int64_t from, int64_t to) : first(from), last(to) {}
  Strips(KeyRange all_seen, int64_t chunk, int64_t chunk_keys) {
    const int64_t begin = std::max(all_seen.begin, chunk), end = std::min(all_seen.end, chunk + chunk_keys);
    if (begin >= end) return;
    first = (begin - chunk) / kStripKeys;
    last = (end - chunk + kStripKeys - 1) / kStripKeys;
  }
  int64_t count() const { return last - first; }
  bool has(int64_t strip) const { return strip >= first && strip < last; }
};

// The attention mask: which of 16 consecutive queries see a key. They are always a range [low, high).
class Sight {
 public:
  Sight(const AttentionParams& p, const HeadOfSequence& s) : causal_(p.causal), window_(p.window), keys_(s.keys) {}
  // `at` is the position of the first query among the keys.
  uint32_t lanes(int64_t at, int64_t key) const {
    if (key >= keys_) return 0;
    const int64_t low = std::clamp<int64_t>(first(at, key), 0, 16), high = std::clamp<int64_t>(end(at, key), 0, 16);
    return low < high ? (uint32_t{1} << high) - (uint32_t{1} << low) : 0;
  }
  // True if all queries of a block see all of `count` keys.
  bool whole(int64_t at, int64_t key, int64_t count) const {
    const int64_t last = key + count - 1;
    return last < keys_ && first(at, last) <= 0 && end(at, key) >= kBlockQueries;
  }
  // Number of leading keys that all queries of a block see, rounded down to even, or 0 if not all of these are visible.
  int64_t whole_pairs(int64_t at, int64_t key, int64_t count) const {
    const int64_t even = count / 2 * 2;
    return whole(at, key, even) ? even : 0;
  }

 private:
  int64_t first(int64_t at, int64_t key) const { return causal_ ? key - at : window_ ? key - at - window_ + 1 : 0; }
  int64_t end(int64_t at, int64_t key) const { return window_ ? key + window_ - at : kBlockQueries; }
  bool causal_;
  int64_t window_, keys_;
};

// The saved statistics of a block of queries: weight = 2^(c (score - base) - power) * factor, and 0 for scores below `least`.
struct alignas(64) SavedRows {
  float base[kBlockQueries], power[kBlockQueries], factor[kBlockQueries], least[kBlockQueries];
  uint32_t present[2];  // a bit for each of 16 queries that exists
  bool shifted;         // whether any base is not zero
};

}  // namespace qkv::cpu

QKV_BF16_BEGIN
namespace qkv::cpu {

// The upper halves of a and b, interleaved: pairs of bf16.
inline __attribute__((always_inline)) __m512i upper_halves(__m512i a, __m512i b) {
  return _mm512_mask_alignr_epi8(b, 0x3333333333333333, a, a, 2);
}

// Rows 2 i and 2 i + 1 of `rows` rows of sums, times `factor`; zero past the last.
struct TwoRows {
  __m512 first = _mm512_setzero_ps(), second = _mm512_setzero_ps();
  TwoRows(const float* sums, int64_t i, int64_t rows, __m512 factor) {
    if (2 * i >= rows) return;
    first = _mm512_mul_ps(_mm512_loadu_ps(sums + 2 * i * kBlockQueries), factor);
    second = _mm512_mul_ps(_mm512_loadu_ps(sums + (2 * i + 1) * kBlockQueries), factor);
  }
};
// a and b rounded to bf16 and interleaved.
inline __attribute__((always_inline)) __m512i rounded_pairs(__m512 a, __m512 b) {
  alignas(64) static constexpr uint16_t kOrder[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                                      8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return _mm512_permutexvar_epi16(_mm512_load_si512(kOrder), (__m512i)_mm512_cvtne2ps_pbh(b, a));
}

// Applies scale, soft-cap and distance bias to `count` rows of raw scores. `slopes`, if not null, receives d score / d (scale q . k).
inline void apply_rules(const AttentionParams& p, const HeadOfSequence& s, int64_t at, int64_t key, int64_t count, float* scores,
                        float* slopes) {
  const __m512 scale = _mm512_set1_ps(p.scale), cap = _mm512_set1_ps(p.softcap), inverse_cap = _mm512_set1_ps(2 * kLog2E / p.softcap);
  const __m512 one = _mm512_set1_ps(1), two = _mm512_set1_ps(2);
  const Exponential power(one, _mm512_setzero_ps());
  const float* bias = p.distance_bias ? p.distance_bias.row<const float>(s.head) : nullptr;
  const __m512i backwards = _mm512_set_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  for (int64_t j = 0; j < count; ++j) {
    for (int64_t half = 0; half < 2; ++half) {
      float* row = scores + j * kBlockQueries + 16 * half;
      __m512 x = _mm512_mul_ps(_mm512_loadu_ps(row), scale);
      if (p.softcap != 0) {  // tanh z = 1 - 2 / (e^2z + 1)
        const __m512 z = _mm512_min_ps(_mm512_set1_ps(100), _mm512_mul_ps(x, inverse_cap));
        const __m512 e = power.value(z);
        const __m512 t = _mm512_sub_ps(one, _mm512_div_ps(two, _mm512_add_ps(e, one)));
        if (slopes) _mm512_storeu_ps(slopes + j * kBlockQueries + 16 * half, _mm512_fnmadd_ps(t, t, one));
        x = _mm512_mul_ps(t, cap);
      }
      if (bias) {
        // Lane i reads column `column` + 15 - i. Columns outside the table belong to masked keys.
        const int64_t column = p.distance_origin + key + j - (at + 16 * half) - 15;
        const int64_t low = std::clamp<int64_t>(-column, 0, 16), high = std::clamp<int64_t>(p.distance_bias.cols - column, 0, 16);
        const auto inside = static_cast<__mmask16>(low < high ? (uint32_t{1} << high) - (uint32_t{1} << low) : 0);
        x = _mm512_add_ps(x, _mm512_permutexvar_ps(backwards, _mm512_maskz_loadu_ps(inside, bias + column)));
      }
      _mm512_storeu_ps(row, x);
    }
  }
}
inline bool has_rules(const AttentionParams& p) { return p.softcap != 0 || p.distance_bias; }

// The factor that scores still need after apply_rules, times log2 e.
inline __m512 exponent_scale(const AttentionParams& p) { return _mm512_set1_ps(has_rules(p) ? kLog2E : p.scale * kLog2E); }

// Reads the saved statistics of queries [first, first + count) of a head.
inline void read_saved_rows(const AttentionParams& p, const HeadOfSequence& s, int64_t first, int64_t count, SavedRows& rows) {
  const __m512 c = exponent_scale(p), zero = _mm512_setzero_ps();
  rows.shifted = false;
  for (int half = 0; half < 2; ++half) {
    alignas(64) float largest[16] = {}, logarithm[16] = {};
    const int64_t present = std::clamp<int64_t>(count - 16 * half, 0, 16);
    for (int64_t i = 0; i < present; ++i) {
      const float* saved = p.log_sum_exp.row<const float>(s.query_row + first + 16 * half + i) + 2 * s.head;
      if (saved[0] == -INFINITY) continue;  // all keys masked
      largest[i] = saved[0];
      logarithm[i] = saved[1];
    }
    const __m512 score = _mm512_load_ps(largest), exponent = _mm512_mul_ps(score, c);
    const Reference reference(score, c);
    // This kernel's forward saves whole powers, up to rounding; another kernel's forward may save any number.
    const __m512 left = _mm512_fmsub_ps(_mm512_sub_ps(score, reference.base), c, reference.power);
    const __m512 rounding = _mm512_fmadd_ps(_mm512_abs_ps(exponent), _mm512_set1_ps(3e-7f), _mm512_set1_ps(1e-5f));
    const __mmask16 other = _mm512_cmp_ps_mask(_mm512_abs_ps(left), rounding, _CMP_NLE_UQ);
    const __m512 log2_sum = _mm512_fmadd_ps(_mm512_load_ps(logarithm), _mm512_set1_ps(kLog2E), _mm512_maskz_mov_ps(other, left));
    _mm512_store_ps(rows.base + 16 * half, reference.base);
    _mm512_store_ps(rows.power + 16 * half, reference.power);
    _mm512_store_ps(rows.factor + 16 * half, power_of_two(_mm512_sub_ps(zero, log2_sum)));
    _mm512_store_ps(rows.least + 16 * half,
                    _mm512_div_ps(_mm512_add_ps(_mm512_add_ps(reference.power, log2_sum), _mm512_set1_ps(kLeastPower)), c));
    rows.present[half] = (1u << present) - 1;
    rows.shifted |= reference.shifted();
  }
}

inline Exponential exponential_of(const AttentionParams& p, const SavedRows& rows, int half) {
  return {exponent_scale(p), _mm512_loadu_ps(rows.power + 16 * half), _mm512_loadu_ps(rows.factor + 16 * half),
          _mm512_loadu_ps(rows.least + 16 * half)};
}

// Subtracts the base from `count` rows of scores.
inline void subtract_base(float* scores, int64_t count, const float* base) {
  for (int64_t i = 0; i < count * kBlockQueries; i += 16)
    _mm512_storeu_ps(scores + i, _mm512_sub_ps(_mm512_loadu_ps(scores + i), _mm512_loadu_ps(base + i % kBlockQueries)));
}

// Dropout masks for 8 keys and 16 queries. The words of Philox are laid out like the pairs of weights, two keys per word.
class DropoutLanes {
 public:
  // For rows of weights from query `first_row` on; `head` of `heads`.
  DropoutLanes(const DropoutParams& dropout, int64_t first_row, int heads, int head)
      : key0_(static_cast<uint32_t>(dropout.seed)),
        key1_(static_cast<uint32_t>(dropout.seed >> 32)),
        site_(dropout.site),
        step_(dropout.step),
        threshold_(_mm512_set1_epi16(static_cast<int16_t>(dropout_threshold(dropout.probability)))) {
    const __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const __m512i row = _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(first_row)), lane);
    row_ = _mm512_add_epi32(_mm512_mullo_epi32(row, _mm512_set1_epi32(heads)), _mm512_set1_epi32(head));
  }

  // kept[i] holds the mask of keys 8 * group + 2 * i and + 1: two bits for each of 16 queries.
  inline void kept(int64_t group, __mmask32* kept) const {
    __m512i c0 = _mm512_set1_epi32(static_cast<int>(group)), c1 = row_, c2 = _mm512_set1_epi32(static_cast<int>(site_)),
            c3 = _mm512_set1_epi32(static_cast<int>(step_));
    uint32_t key0 = key0_, key1 = key1_;
    for (int round = 0; round < 10; ++round) {
      __m512i high0, low0, high1, low1;
      multiply_wide(c0, 0xD2511F53u, high0, low0);
      multiply_wide(c2, 0xCD9E8D57u, high1, low1);
      c0 = _mm512_ternarylogic_epi32(high1, c1, _mm512_set1_epi32(static_cast<int>(key0)), 0x96);
      c2 = _mm512_ternarylogic_epi32(high0, c3, _mm512_set1_epi32(static_cast<int>(key1)), 0x96);
      c1 = low1;
      c3 = low0;
      key0 += 0x9E3779B9;
      key1 += 0xBB67AE85;
    }
    kept[0] = _mm512_cmpge_epu16_mask(c0, threshold_);
    kept[1] = _mm512_cmpge_epu16_mask(c1, threshold_);
    kept[2] = _mm512_cmpge_epu16_mask(c2, threshold_);
    kept[3] = _mm512_cmpge_epu16_mask(c3, threshold_);
  }

 private:
  static inline void multiply_wide(__m512i a, uint32_t by, __m512i& high, __m512i& low) {
    const __m512i b = _mm512_set1_epi32(static_cast<int>(by));
    const __m512i even = _mm512_mul_epu32(a, b), odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), b);
    high = _mm512_mask_mov_epi32(_mm512_srli_epi64(even, 32), 0xAAAA, odd);
    low = _mm512_mask_mov_epi32(even, 0xAAAA, _mm512_slli_epi64(odd, 32));
  }

  uint32_t key0_, key1_, site_, step_;
  __m512i threshold_, row_;
};

}  // namespace qkv::cpu
QKV_BF16_END
