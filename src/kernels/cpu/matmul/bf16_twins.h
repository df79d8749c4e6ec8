// Scalar twins of the instructions that bf16 products use, under the intrinsics' names: in this namespace the text of bf16_*-inl.h runs on
// any processor, with its packing, blocks and tails. Semantics are those of the Intel SDM; sums of products are rounded as TDPBF16PS and
// VDPBF16PS round them, with subnormals as zeros. Only for files that do not include immintrin.h.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "kernels/bf16.h"

namespace qkv::cpu::twin {

struct __m128i {
  uint32_t d[4];
};
struct __m256i {
  uint16_t w[16];
};
struct __m512i {
  uint32_t d[16];
  uint16_t word(int i) const { return static_cast<uint16_t>(d[i / 2] >> (16 * (i % 2))); }
  void set_word(int i, uint16_t value) {
    d[i / 2] = (d[i / 2] & (0xffffu << (16 * (1 - i % 2)))) | static_cast<uint32_t>(value) << (16 * (i % 2));
  }
};
using __m512bh = __m512i;
struct __m512 {
  float f[16];
};
using __mmask16 = uint16_t;
using __mmask32 = uint32_t;

// A vector whose element i is of(i).
template <typename Of>
__m512 floats(Of&& of) {
  __m512 y;
  for (int i = 0; i < 16; ++i) y.f[i] = of(i);
  return y;
}
template <typename Of>
__m512i words(Of&& of) {
  __m512i y{};
  for (int i = 0; i < 32; ++i) y.set_word(i, of(i));
  return y;
}
template <typename Of>
__m512i dwords(Of&& of) {
  __m512i y;
  for (int i = 0; i < 16; ++i) y.d[i] = of(i);
  return y;
}
template <typename T>
T value_at(const void* from) {
  T y;
  std::memcpy(&y, from, sizeof y);
  return y;
}
inline float flushed(float x) { return std::abs(x) < std::numeric_limits<float>::min() ? std::copysign(0.0f, x) : x; }
inline float float_of(uint16_t word) { return flushed(to_float(bf16{word})); }

// Loads, stores, constants.
inline __m128i _mm_loadu_si128(const __m128i* from) { return value_at<__m128i>(from); }
inline __m256i _mm256_maskz_loadu_epi16(__mmask16 mask, const void* from) {
  __m256i y{};
  for (int i = 0; i < 16; ++i) {
    if (mask >> i & 1) y.w[i] = value_at<uint16_t>(static_cast<const char*>(from) + 2 * i);
  }
  return y;
}
inline __m512i _mm512_loadu_si512(const void* from) { return value_at<__m512i>(from); }
inline __m512i _mm512_load_si512(const void* from) { return value_at<__m512i>(from); }
inline __m512i _mm512_maskz_loadu_epi16(__mmask32 mask, const void* from) {
  return words([&](int i) { return mask >> i & 1 ? value_at<uint16_t>(static_cast<const char*>(from) + 2 * i) : uint16_t{0}; });
}
inline __m512 _mm512_loadu_ps(const void* from) { return value_at<__m512>(from); }
inline __m512 _mm512_load_ps(const void* from) { return value_at<__m512>(from); }
inline __m512 _mm512_maskz_loadu_ps(__mmask16 mask, const void* from) {
  return floats([&](int i) { return mask >> i & 1 ? value_at<float>(static_cast<const char*>(from) + 4 * i) : 0.0f; });
}
inline void _mm512_storeu_si512(void* to, __m512i x) { std::memcpy(to, &x, sizeof x); }
inline void _mm512_store_si512(void* to, __m512i x) { std::memcpy(to, &x, sizeof x); }
inline void _mm512_stream_si512(__m512i* to, __m512i x) { std::memcpy(to, &x, sizeof x); }
inline void _mm512_storeu_ps(void* to, __m512 x) { std::memcpy(to, &x, sizeof x); }
inline void _mm512_mask_storeu_epi16(void* to, __mmask32 mask, __m512i x) {
  for (int i = 0; i < 32; ++i) {
    const uint16_t word = x.word(i);
    if (mask >> i & 1) std::memcpy(static_cast<char*>(to) + 2 * i, &word, 2);
  }
}
inline void _mm512_mask_storeu_ps(void* to, __mmask16 mask, __m512 x) {
  for (int i = 0; i < 16; ++i) {
    if (mask >> i & 1) std::memcpy(static_cast<char*>(to) + 4 * i, &x.f[i], 4);
  }
}
inline __m512 _mm512_setzero_ps() { return {}; }
inline __m512i _mm512_setzero_si512() { return {}; }
inline __m512 _mm512_set1_ps(float x) {
  return floats([&](int) { return x; });
}
inline __m512i _mm512_set1_epi16(short x) {
  return words([&](int) { return static_cast<uint16_t>(x); });
}
inline __m512i _mm512_set1_epi32(int x) {
  return dwords([&](int) { return static_cast<uint32_t>(x); });
}

// Moves and shuffles. Lanes are 128 bits: 4 elements of 32 or 8 of 16.
inline __m512i _mm512_castsi128_si512(__m128i x) {
  __m512i y{};
  std::memcpy(&y, &x, sizeof x);
  return y;
}
inline __m256i _mm512_castsi512_si256(__m512i x) { return value_at<__m256i>(&x); }
inline __m256i _mm512_extracti64x4_epi64(__m512i x, int half) { return value_at<__m256i>(x.d + 8 * half); }
inline __m512 _mm512_castsi512_ps(__m512i x) { return value_at<__m512>(&x); }
inline __m512i _mm512_castps_si512(__m512 x) { return value_at<__m512i>(&x); }
inline __m512i _mm512_mask_broadcast_i32x4(__m512i kept, __mmask16 mask, __m128i x) {
  return dwords([&](int i) { return mask >> i & 1 ? x.d[i % 4] : kept.d[i]; });
}
inline __m512i _mm512_unpacklo_epi16(__m512i x, __m512i y) {
  return words([&](int i) { return (i % 2 ? y : x).word(i / 8 * 8 + i % 8 / 2); });
}
inline __m512i _mm512_unpackhi_epi16(__m512i x, __m512i y) {
  return words([&](int i) { return (i % 2 ? y : x).word(i / 8 * 8 + 4 + i % 8 / 2); });
}
inline __m512i _mm512_unpacklo_epi32(__m512i x, __m512i y) {
  return dwords([&](int i) { return (i % 2 ? y : x).d[i / 4 * 4 + i % 4 / 2]; });
}
inline __m512i _mm512_unpackhi_epi32(__m512i x, __m512i y) {
  return dwords([&](int i) { return (i % 2 ? y : x).d[i / 4 * 4 + 2 + i % 4 / 2]; });
}
inline __m512i _mm512_unpacklo_epi64(__m512i x, __m512i y) {
  return dwords([&](int i) { return (i % 4 / 2 ? y : x).d[i / 4 * 4 + i % 2]; });
}
inline __m512i _mm512_unpackhi_epi64(__m512i x, __m512i y) {
  return dwords([&](int i) { return (i % 4 / 2 ? y : x).d[i / 4 * 4 + 2 + i % 2]; });
}
inline __m512i _mm512_permutex2var_epi16(__m512i x, __m512i index, __m512i y) {
  return words([&](int i) { return (index.word(i) & 32 ? y : x).word(index.word(i) & 31); });
}
inline __m512 _mm512_permutex2var_ps(__m512 x, __m512i index, __m512 y) {
  return floats([&](int i) { return (index.d[i] & 16 ? y : x).f[index.d[i] & 15]; });
}
inline __m512i _mm512_permutexvar_epi64(__m512i index, __m512i x) {
  return dwords([&](int i) { return x.d[2 * (index.d[i / 2 * 2] & 7) + static_cast<uint32_t>(i % 2)]; });
}

// Arithmetic. If one operand is NaN, maximum and minimum return the second.
inline __m512i _mm512_add_epi16(__m512i x, __m512i y) {
  return words([&](int i) { return static_cast<uint16_t>(x.word(i) + y.word(i)); });
}
inline __m512i _mm512_min_epi16(__m512i x, __m512i y) {
  return words([&](int i) { return static_cast<int16_t>(x.word(i)) < static_cast<int16_t>(y.word(i)) ? x.word(i) : y.word(i); });
}
inline __m512i _mm512_min_epu16(__m512i x, __m512i y) {
  return words([&](int i) { return std::min(x.word(i), y.word(i)); });
}
inline __m512i _mm512_slli_epi32(__m512i x, unsigned count) {
  return dwords([&](int i) { return x.d[i] << count; });
}
inline __m512i _mm512_cvtepu16_epi32(__m256i x) {
  return dwords([&](int i) { return uint32_t{x.w[i]}; });
}
inline __mmask32 _mm512_cmpgt_epi16_mask(__m512i x, __m512i y) {
  __mmask32 mask = 0;
  for (int i = 0; i < 32; ++i) mask |= static_cast<uint32_t>(static_cast<int16_t>(x.word(i)) > static_cast<int16_t>(y.word(i))) << i;
  return mask;
}
inline __m512 _mm512_maskz_mov_ps(__mmask16 mask, __m512 x) {
  return floats([&](int i) { return mask >> i & 1 ? x.f[i] : 0.0f; });
}
inline __m512 _mm512_add_ps(__m512 x, __m512 y) {
  return floats([&](int i) { return x.f[i] + y.f[i]; });
}
inline __m512 _mm512_sub_ps(__m512 x, __m512 y) {
  return floats([&](int i) { return x.f[i] - y.f[i]; });
}
inline __m512 _mm512_mul_ps(__m512 x, __m512 y) {
  return floats([&](int i) { return x.f[i] * y.f[i]; });
}
inline __m512 _mm512_fmadd_ps(__m512 x, __m512 y, __m512 z) {
  return floats([&](int i) { return std::fma(x.f[i], y.f[i], z.f[i]); });
}
inline __m512 _mm512_fmsub_ps(__m512 x, __m512 y, __m512 z) {
  return floats([&](int i) { return std::fma(x.f[i], y.f[i], -z.f[i]); });
}
inline __m512 _mm512_max_ps(__m512 x, __m512 y) {
  return floats([&](int i) { return x.f[i] > y.f[i] ? x.f[i] : y.f[i]; });
}
inline __m512 _mm512_min_ps(__m512 x, __m512 y) {
  return floats([&](int i) { return x.f[i] < y.f[i] ? x.f[i] : y.f[i]; });
}

// bf16: the upper half of the result comes from x.
inline __m512bh _mm512_cvtne2ps_pbh(__m512 x, __m512 y) {
  return words([&](int i) { return to_bf16(flushed(i < 16 ? y.f[i] : x.f[i - 16])).bits; });
}
// VDPBF16PS adds the odd product of each pair first.
inline __m512 _mm512_dpbf16_ps(__m512 sums, __m512bh x, __m512bh y) {
  return floats([&](int i) {
    const float odd = flushed(std::fma(float_of(x.word(2 * i + 1)), float_of(y.word(2 * i + 1)), flushed(sums.f[i])));
    return flushed(std::fma(float_of(x.word(2 * i)), float_of(y.word(2 * i)), odd));
  });
}

// AMX: tiles of 16 rows of 64 bytes.
struct Tile {
  uint32_t d[16][16];
};
inline Tile& tile(int index) {
  thread_local Tile tiles[8];
  return tiles[index];
}
inline void _tile_zero(int index) { tile(index) = {}; }
inline void _tile_loadd(int index, const void* from, int64_t step) {
  for (int r = 0; r < 16; ++r) std::memcpy(tile(index).d[r], static_cast<const char*>(from) + r * step, 64);
}
inline void _tile_stream_loadd(int index, const void* from, int64_t step) { _tile_loadd(index, from, step); }
inline void _tile_stored(int index, void* to, int64_t step) {
  for (int r = 0; r < 16; ++r) std::memcpy(static_cast<char*>(to) + r * step, tile(index).d[r], 64);
}
// TDPBF16PS sums products of even and of odd values separately over a tile's depth, then adds the two.
inline void _tile_dpbf16ps(int sums, int a, int b) {
  for (int m = 0; m < 16; ++m) {
    for (int n = 0; n < 16; ++n) {
      float even = 0, odd = 0;
      for (int k = 0; k < 16; ++k) {
        const uint32_t x = tile(a).d[m][k], y = tile(b).d[k][n];
        even = flushed(std::fma(float_of(static_cast<uint16_t>(x)), float_of(static_cast<uint16_t>(y)), even));
        odd = flushed(std::fma(float_of(static_cast<uint16_t>(x >> 16)), float_of(static_cast<uint16_t>(y >> 16)), odd));
      }
      const float sum = flushed(value_at<float>(&tile(sums).d[m][n]) + (even + odd));
      std::memcpy(&tile(sums).d[m][n], &sum, 4);
    }
  }
}

}  // namespace qkv::cpu::twin
