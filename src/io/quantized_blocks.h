// GGUF's quantized types: blocks of 32 values in a row with one scale (ggml-quants.c, quantize_row_q8_0_ref and quantize_row_q4_0_ref).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "io/f16.h"

namespace qkv {

constexpr uint64_t kBlock = 32;

struct Q8Block {
  f16 scale;  // the largest magnitude / 127
  int8_t values[kBlock];

  void unpack(float* to) const {
    const float factor = to_float(scale);
    for (size_t i = 0; i < kBlock; ++i) to[i] = factor * static_cast<float>(values[i]);
  }
  void pack(const float* from) {
    float largest = 0;
    for (size_t i = 0; i < kBlock; ++i) largest = std::max(largest, std::abs(from[i]));
    const float step = largest / 127, inverse = step > 0 ? 1 / step : 0;  // values are divided by the step before it is rounded
    scale = to_f16(step);
    for (size_t i = 0; i < kBlock; ++i) values[i] = static_cast<int8_t>(std::round(from[i] * inverse));
  }
};
static_assert(sizeof(Q8Block) == 34);

struct Q4Block {
  f16 scale;                  // the value of the largest magnitude / -8
  uint8_t pairs[kBlock / 2];  // values i and i + 16, each plus 8

  void unpack(float* to) const {
    const float factor = to_float(scale);
    for (size_t i = 0; i < kBlock / 2; ++i) {
      to[i] = factor * static_cast<float>((pairs[i] & 15) - 8);
      to[i + kBlock / 2] = factor * static_cast<float>((pairs[i] >> 4) - 8);
    }
  }
  void pack(const float* from) {
    float largest = 0;  // with its sign
    for (size_t i = 0; i < kBlock; ++i) {
      if (std::abs(from[i]) > std::abs(largest)) largest = from[i];
    }
    const float step = largest / -8, inverse = step != 0 ? 1 / step : 0;
    scale = to_f16(step);
    const auto level = [&](float value) {
      // The product and the sum are rounded once, as with a fused multiply-add.
      return static_cast<uint8_t>(std::min(15, static_cast<int>(static_cast<double>(value) * static_cast<double>(inverse) + 8.5)));
    };
    for (size_t i = 0; i < kBlock / 2; ++i) pairs[i] = static_cast<uint8_t>(level(from[i]) | level(from[i + kBlock / 2]) << 4);
  }
};
static_assert(sizeof(Q4Block) == 18);

}  // namespace qkv
