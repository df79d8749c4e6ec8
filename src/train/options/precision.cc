#include "train/options/precision.h"

#include <fmt/format.h>

#include "base/error.h"

namespace qkv {

// Speed of bf16 relative to f32, measured with training steps of `qkv bench train`: 1.7 to 2.2 with dot products (two Zen 4 cores), 3 to 6
// with AMX (two Xeon cores), and 0.96 to 1.02 with neither, where bf16 only rounds.
ChosenPrecision fastest_precision(Isa isa) {
  switch (isa) {
    case Isa::amx: return {TrainPrecision::bf16, "this processor multiplies it on tiles (AMX)"};
    case Isa::avx512_bf16: return {TrainPrecision::bf16, "this processor has dot products of it (AVX-512 BF16)"};
    default: return {TrainPrecision::f32, fmt::format("{} has no instructions for bf16", name_of(isa))};
  }
}

DType activation_type(TrainPrecision precision) {
  QKV_REQUIRE(precision != TrainPrecision::automatic, "[train] the type of activations is not chosen yet");
  return precision == TrainPrecision::bf16 ? DType::bf16 : DType::f32;
}

}  // namespace qkv
