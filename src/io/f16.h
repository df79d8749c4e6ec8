// IEEE 754 binary16: 1 sign, 5 exponent, 10 mantissa bits.
#pragma once

#include <bit>
#include <cstdint>

namespace qkv {

struct f16 {
  uint16_t bits;
};

inline float to_float(f16 x) {
  const uint32_t sign = uint32_t{x.bits & 0x8000u} << 16;
  const uint32_t exponent = x.bits >> 10 & 0x1f, mantissa = x.bits & 0x3ff;
  if (exponent == 0) return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(static_cast<float>(mantissa) * 0x1p-24f));
  const uint32_t widened = exponent == 31 ? 0xff : exponent + 112;  // infinity and NaN are preserved
  return std::bit_cast<float>(sign | widened << 23 | mantissa << 13);
}

// Rounds to nearest, ties to even. Finite values from 65,520 on become infinite.
inline f16 to_f16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value), magnitude = bits & 0x7fffffff;
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
  if (magnitude > 0x7f800000) return {static_cast<uint16_t>(sign | 0x7e00)};
  if (magnitude >= 0x477ff000) return {static_cast<uint16_t>(sign | 0x7c00)};
  if (magnitude < 0x38800000) {  // subnormal: the sum with 0.5 has the ulp of the smallest f16, so the addition rounds
    const float sum = std::bit_cast<float>(magnitude) + 0.5f;
    return {static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(sum) - std::bit_cast<uint32_t>(0.5f)))};
  }
  return {static_cast<uint16_t>(sign | (magnitude + 0xfff + (magnitude >> 13 & 1) - 0x38000000) >> 13)};
}

inline bool is_infinite(f16 x) { return (x.bits & 0x7fff) == 0x7c00; }

}  // namespace qkv
