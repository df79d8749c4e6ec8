#include "train/options/precision.h"

#include <fmt/format.h>

#include "base/error.h"

namespace qkv {

// Training steps of `qkv bench train`, bf16 over f32: 1.7 to 2.2 times as fast with dot products (two Zen 4 cores), 3 to 6 with AMX (two
// Xeon cores); 0.96 to 1.02 without either, where bf16 only rounds.
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
