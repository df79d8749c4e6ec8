// Loads, stores and random masks that every SIMD kernel uses; compiled once per instruction set.
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

HWY_BEFORE_NAMESPACE();
namespace qkv::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using F32 = hn::ScalableTag<float>;
using Vec = hn::Vec<F32>;
inline constexpr size_t kLanes = HWY_LANES(float);  // the targets in use have fixed sizes: 1, 8 or 16

HWY_INLINE Vec Load(const float* from) { return hn::LoadU(F32(), from); }
HWY_INLINE void Store(Vec value, float* to) { hn::StoreU(value, F32(), to); }

HWY_INLINE Vec Load(const bf16* from) {
  const hn::Rebind<uint16_t, F32> d16;
  const hn::Rebind<uint32_t, F32> d32;
  const auto bits = hn::PromoteTo(d32, hn::LoadU(d16, reinterpret_cast<const uint16_t*>(from)));
  return hn::BitCast(F32(), hn::ShiftLeft<16>(bits));
}
// Round to nearest, ties to even; a NaN becomes the quiet NaN.
HWY_INLINE void Store(Vec value, bf16* to) {
  const hn::Rebind<uint16_t, F32> d16;
  const hn::Rebind<uint32_t, F32> d32;
  const hn::Rebind<int32_t, F32> di32;
  auto bits = hn::BitCast(d32, hn::IfThenElse(hn::IsNaN(value), hn::BitCast(F32(), hn::Set(d32, 0x7fc00000u)), value));
  bits = hn::Add(bits, hn::Add(hn::Set(d32, 0x7fffu), hn::And(hn::ShiftRight<16>(bits), hn::Set(d32, 1u))));
  hn::StoreU(hn::DemoteTo(d16, hn::BitCast(di32, hn::ShiftRight<16>(bits))), d16, reinterpret_cast<uint16_t*>(to));
}

// The same for the last `count` < kLanes elements of an array; the other lanes load as zero and are not stored.
template <typename T>
HWY_INLINE Vec LoadPart(const T* from, size_t count) {
  if (HWY_LIKELY(count >= kLanes)) return Load(from);
  HWY_ALIGN T buffer[kLanes] = {};
  std::memcpy(buffer, from, count * sizeof(T));
  return Load(buffer);
}
template <typename T>
HWY_INLINE void StorePart(Vec value, T* to, size_t count) {
  if (HWY_LIKELY(count >= kLanes)) return Store(value, to);
  HWY_ALIGN T buffer[kLanes];
  Store(value, buffer);
  std::memcpy(to, buffer, count * sizeof(T));
}

// 2^x for x <= 0, to 2e-7; 2^-125 below. 11 instructions a vector where hn::Exp has more than twice as many: of attention's forward on
// AVX2 a quarter was exponentials. The polynomial is minimax in the relative error on [-1/2, 1/2], and 1 at 0. NaN stays NaN.
HWY_INLINE Vec PowerOfTwo(Vec x) {
  const F32 d;
  const hn::Rebind<int32_t, F32> di;
  x = hn::Max(hn::Set(d, -125.0f), x);  // of two operands with a NaN the second is taken
  const Vec whole = hn::Round(x), r = hn::Sub(x, whole);
  Vec y = hn::MulAdd(r, hn::Set(d, 0.001326472731307149f), hn::Set(d, 0.009671512991189957f));
  y = hn::MulAdd(r, y, hn::Set(d, 0.05550733581185341f));
  y = hn::MulAdd(r, y, hn::Set(d, 0.24022242426872253f));
  y = hn::MulAdd(r, y, hn::Set(d, 0.6931470036506653f));
  y = hn::MulAdd(r, y, hn::Set(d, 1.0f));
  return hn::BitCast(d, hn::Add(hn::BitCast(di, y), hn::ShiftLeft<23>(hn::ConvertTo(di, whole))));
}

HWY_INLINE Vec ExpOfNegative(Vec x) { return PowerOfTwo(hn::Mul(x, hn::Set(F32(), 1.44269504f))); }

#if HWY_TARGET != HWY_SCALAR
// 32 x 32 -> 64 bit products of all lanes, as high and low words.
template <typename V>
HWY_INLINE void MulWide(V a, V b, V& high, V& low) {
  const hn::Rebind<uint32_t, F32> d32;
  const hn::Repartition<uint64_t, decltype(d32)> d64;
  const auto even = hn::MulEven(a, b);
  const auto odd =
      hn::MulEven(hn::BitCast(d32, hn::ShiftRight<32>(hn::BitCast(d64, a))), hn::BitCast(d32, hn::ShiftRight<32>(hn::BitCast(d64, b))));
  high = hn::OddEven(hn::BitCast(d32, odd), hn::BitCast(d32, hn::ShiftRight<32>(even)));
  low = hn::OddEven(hn::BitCast(d32, hn::ShiftLeft<32>(odd)), hn::BitCast(d32, even));
}
#endif

// dropout_bits (kernels/dropout.h) of `blocks` blocks from `first_block` on, 8 numbers each; writes whole vectors: `bits` has room
// for blocks rounded up to kLanes. About 3 operations per number with 8 lanes.
HWY_INLINE void DropoutBits(const DropoutParams& dropout, uint64_t first_block, size_t blocks, uint16_t* bits) {
#if HWY_TARGET == HWY_SCALAR
  for (size_t b = 0; b < blocks; ++b) {
    const auto words = dropout_bits(dropout, first_block + b);
    for (size_t w = 0; w < 4; ++w) {
      bits[8 * b + 2 * w] = static_cast<uint16_t>(words[w]);
      bits[8 * b + 2 * w + 1] = static_cast<uint16_t>(words[w] >> 16);
    }
  }
#else
  const hn::Rebind<uint32_t, F32> d;
  const auto multiplier0 = hn::Set(d, 0xD2511F53u), multiplier1 = hn::Set(d, 0xCD9E8D57u);
  for (size_t b = 0; b < blocks; b += kLanes) {
    const uint64_t block = first_block + b;
    const auto low_words = hn::Iota(d, static_cast<uint32_t>(block));
    auto c0 = low_words;
    // The high word grows by one in the lanes where the low one wrapped around.
    auto c1 = hn::Add(hn::Set(d, static_cast<uint32_t>(block >> 32)),
                      hn::IfThenElseZero(hn::Lt(low_words, hn::Set(d, static_cast<uint32_t>(block))), hn::Set(d, 1u)));
    auto c2 = hn::Set(d, dropout.site), c3 = hn::Set(d, dropout.step);
    uint32_t key0 = static_cast<uint32_t>(dropout.seed), key1 = static_cast<uint32_t>(dropout.seed >> 32);
    for (int round = 0; round < 10; ++round) {
      decltype(c0) high0, low0, high1, low1;
      MulWide(c0, multiplier0, high0, low0);
      MulWide(c2, multiplier1, high1, low1);
      c0 = hn::Xor(hn::Xor(high1, c1), hn::Set(d, key0));
      c2 = hn::Xor(hn::Xor(high0, c3), hn::Set(d, key1));
      c1 = low1;
      c3 = low0;
      key0 += 0x9E3779B9;
      key1 += 0xBB67AE85;
    }
    hn::StoreInterleaved4(c0, c1, c2, c3, d, reinterpret_cast<uint32_t*>(bits + 8 * b));
  }
#endif
}

// The dropout factors of up to kChunk consecutive elements.
class DropoutChunk {
 public:
  static constexpr size_t kChunk = 1024;
  explicit DropoutChunk(const DropoutParams& dropout)
      : dropout_(dropout),
        threshold_(static_cast<int32_t>(dropout_threshold(dropout.probability))),
        scale_(static_cast<float>(dropout_scale(dropout.probability))) {}

  bool active() const { return dropout_.probability > 0; }
  void Prepare(uint64_t first_element, size_t count) {
    if (!active()) return;
    offset_ = first_element % 8;
    DropoutBits(dropout_, first_element / 8, (offset_ + count + 7) / 8, bits_);
  }
  // value times the factor of elements first_element + i ...; lanes past the prepared range give anything.
  HWY_INLINE Vec Apply(Vec value, size_t i) const {
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
