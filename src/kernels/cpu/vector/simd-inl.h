// Loads, stores and random masks for all SIMD kernels; compiled once per instruction set.
#if defined(QKV_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QKV_SIMD_INL_H_
#undef QKV_SIMD_INL_H_
#else
#define QKV_SIMD_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include "kernels/bf16.h"
#include "kernels/dropout.h"
#include "kernels/view.h"

namespace qkv::cpu {
extern bool has_bf16_instructions;  // in the instruction set in use (cpu.cc); Highway 1.0.3 has no target with them
}

HWY_BEFORE_NAMESPACE();
namespace qkv::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using F32 = hn::ScalableTag<float>;
using Vec = hn::Vec<F32>;
inline constexpr size_t kLanes = HWY_LANES(float);  // the targets in use have fixed sizes: 1, 8 or 16

HWY_INLINE Vec load(const float* from) { return hn::LoadU(F32(), from); }
HWY_INLINE void store(Vec value, float* to) { hn::StoreU(value, F32(), to); }

HWY_INLINE Vec load(const bf16* from) {
  const hn::Rebind<uint16_t, F32> d16;
  const hn::Rebind<uint32_t, F32> d32;
  const auto bits = hn::PromoteTo(d32, hn::LoadU(d16, reinterpret_cast<const uint16_t*>(from)));
  return hn::BitCast(F32(), hn::ShiftLeft<16>(bits));
}
// Rounds to nearest, ties to even; NaN becomes a quiet NaN. If available, one instruction replaces seven; it flushes numbers below 2^-126
// to zero.
HWY_INLINE void store(Vec value, bf16* to) {
#if HWY_TARGET == HWY_AVX3
  if (HWY_LIKELY(has_bf16_instructions)) {
    __m256i rounded;
    asm("vcvtneps2bf16 %1, %0" : "=v"(rounded) : "v"(value.raw));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), rounded);
    return;
  }
#endif
  const hn::Rebind<uint16_t, F32> d16;
  const hn::Rebind<uint32_t, F32> d32;
  const hn::Rebind<int32_t, F32> di32;
  auto bits = hn::BitCast(d32, hn::IfThenElse(hn::IsNaN(value), hn::BitCast(F32(), hn::Set(d32, 0x7fc00000u)), value));
  bits = hn::Add(bits, hn::Add(hn::Set(d32, 0x7fffu), hn::And(hn::ShiftRight<16>(bits), hn::Set(d32, 1u))));
  hn::StoreU(hn::DemoteTo(d16, hn::BitCast(di32, hn::ShiftRight<16>(bits))), d16, reinterpret_cast<uint16_t*>(to));
}

// Loads and stores of the last `count` < kLanes elements of an array; the other lanes load as zero and are not stored.
template <typename T>
HWY_INLINE Vec load_part(const T* from, size_t count) {
  if (HWY_LIKELY(count >= kLanes)) return load(from);
  HWY_ALIGN T buffer[kLanes] = {};
  std::memcpy(buffer, from, count * sizeof(T));
  return load(buffer);
}
template <typename T>
HWY_INLINE void store_part(Vec value, T* to, size_t count) {
  if (HWY_LIKELY(count >= kLanes)) return store(value, to);
  HWY_ALIGN T buffer[kLanes];
  store(value, buffer);
  std::memcpy(to, buffer, count * sizeof(T));
}

// NaN stays NaN, which not every maximum guarantees.
HWY_INLINE Vec relu(Vec x) { return hn::IfThenZeroElse(hn::Lt(x, hn::Zero(F32())), x); }

// 2^x for x <= 0, to 2e-7; 2^-125 below. It takes 12 instructions per vector, hn::Exp more than twice as many; a quarter of attention's
// forward on AVX2 was exponentials. The polynomial is minimax in the relative error on [-1/2, 1/2], and 1 at 0. NaN stays NaN.
HWY_INLINE Vec power_of_two(Vec x) {
  const F32 d;
  const hn::Rebind<int32_t, F32> di;
  const Vec least = hn::Set(d, -125.0f);
#if HWY_TARGET == HWY_SCALAR
  x = hn::IfThenElse(hn::Lt(x, least), least, x);
#else
  x = hn::Max(least, x);  // if one operand is NaN, the second is returned
#endif
  // Adding 1.5 * 2^23 puts the nearest integer into the last bits. (Highway's conversion turns NaN into the largest integer.)
  const Vec rounder = hn::Set(d, 12582912.0f), rounded = hn::Add(x, rounder), r = hn::Sub(x, hn::Sub(rounded, rounder));
  Vec y = hn::MulAdd(r, hn::Set(d, 0.001326472731307149f), hn::Set(d, 0.009671512991189957f));
  y = hn::MulAdd(r, y, hn::Set(d, 0.05550733581185341f));
  y = hn::MulAdd(r, y, hn::Set(d, 0.24022242426872253f));
  y = hn::MulAdd(r, y, hn::Set(d, 0.6931470036506653f));
  y = hn::MulAdd(r, y, hn::Set(d, 1.0f));
  return hn::BitCast(d, hn::Add(hn::BitCast(di, y), hn::ShiftLeft<23>(hn::BitCast(di, rounded))));
}

HWY_INLINE Vec exp_of_negative(Vec x) { return power_of_two(hn::Mul(x, hn::Set(F32(), 1.44269504f))); }

#if HWY_TARGET != HWY_SCALAR
using U64 = hn::Repartition<uint64_t, F32>;

// A vector of Philox counters, a block in each 64-bit lane. A word of a counter is the lower half of its lane; the upper half may hold
// anything because the multiplication ignores it. So the halves of a product need a shift and no shuffle.
struct PhiloxLanes {
  hn::Vec<U64> c0, c1, c2, c3;

  HWY_INLINE PhiloxLanes(uint64_t first_block, const DropoutParams& dropout)
      : c0(hn::Iota(U64(), first_block)), c1(hn::ShiftRight<32>(c0)), c2(hn::Set(U64(), dropout.site)), c3(hn::Set(U64(), dropout.step)) {}
  HWY_INLINE void round(uint32_t key0, uint32_t key1) {
    const U64 d;
    const hn::Repartition<uint32_t, F32> d32;
    const auto a = hn::MulEven(hn::BitCast(d32, c0), hn::Set(d32, 0xD2511F53u));
    const auto b = hn::MulEven(hn::BitCast(d32, c2), hn::Set(d32, 0xCD9E8D57u));
    c0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(b), c1), hn::Set(d, uint64_t{key0}));
    c2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(a), c3), hn::Set(d, uint64_t{key1}));
    c1 = b;
    c3 = a;
  }
  HWY_INLINE void write(uint16_t* bits) const {
    const hn::Repartition<uint32_t, F32> d32;
    const auto pair = [&](hn::Vec<U64> low, hn::Vec<U64> high) HWY_ATTR {
      return hn::BitCast(U64(), hn::OddEven(hn::BitCast(d32, hn::ShiftLeft<32>(high)), hn::BitCast(d32, low)));
    };
    hn::StoreInterleaved2(pair(c0, c1), pair(c2, c3), U64(), reinterpret_cast<uint64_t*>(bits));
  }
};
#endif

// Writes dropout_bits (kernels/dropout.h) for `blocks` blocks from `first_block` on, 8 numbers each. It writes whole vectors: `bits` needs
// room for blocks rounded up to kLanes. About one operation per number with 16 lanes.
HWY_INLINE void dropout_bits_of_blocks(const DropoutParams& dropout, uint64_t first_block, size_t blocks, uint16_t* bits) {
#if HWY_TARGET == HWY_SCALAR
  for (size_t b = 0; b < blocks; ++b) {
    const auto words = dropout_bits(dropout, first_block + b);
    for (size_t w = 0; w < 4; ++w) {
      bits[8 * b + 2 * w] = static_cast<uint16_t>(words[w]);
      bits[8 * b + 2 * w + 1] = static_cast<uint16_t>(words[w] >> 16);
    }
  }
#else
  for (size_t b = 0; b < blocks; b += kLanes) {
    PhiloxLanes first(first_block + b, dropout), second(first_block + b + kLanes / 2, dropout);
    uint32_t key0 = static_cast<uint32_t>(dropout.seed), key1 = static_cast<uint32_t>(dropout.seed >> 32);
    for (int round = 0; round < 10; ++round) {
      first.round(key0, key1);
      second.round(key0, key1);
      key0 += 0x9E3779B9;
      key1 += 0xBB67AE85;
    }
    first.write(bits + 8 * b);
    second.write(bits + 8 * (b + kLanes / 2));
  }
#endif
}

// Dropout factors of up to kChunk consecutive elements.
class DropoutChunk {
 public:
  static constexpr size_t kChunk = 1024;
  explicit DropoutChunk(const DropoutParams& dropout)
      : dropout_(dropout),
        threshold_(static_cast<int32_t>(dropout_threshold(dropout.probability))),
        scale_(static_cast<float>(dropout_scale(dropout.probability))) {}

  bool active() const { return dropout_.probability > 0; }
  void prepare(uint64_t first_element, size_t count) {
    if (!active()) return;
    offset_ = first_element % 8;
    dropout_bits_of_blocks(dropout_, first_element / 8, (offset_ + count + 7) / 8, bits_);
  }
  // Multiplies by the factors of elements first_element + i and following; lanes past the prepared range are undefined.
  HWY_INLINE Vec apply(Vec value, size_t i) const {
    if (!active()) return value;
    const hn::Rebind<uint16_t, F32> d16;
    const hn::Rebind<int32_t, F32> d32;
    const auto bits = hn::PromoteTo(d32, hn::LoadU(d16, bits_ + offset_ + i));
    const auto dropped = hn::Lt(bits, hn::Set(d32, threshold_));
    return hn::IfThenZeroElse(hn::RebindMask(F32(), dropped), hn::Mul(value, hn::Set(F32(), scale_)));
  }

 private:
  const DropoutParams& dropout_;
  int32_t threshold_;
  float scale_;
  size_t offset_ = 0;
  HWY_ALIGN uint16_t bits_[kChunk + 8 * kLanes + 8 + 2 * kLanes];
};

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
