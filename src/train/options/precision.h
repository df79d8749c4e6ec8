// Resolves --dtype auto.
#pragma once

#include <string>

#include "kernels/kernel_table.h"
#include "qkv/trainer.h"

namespace qkv {

struct ChosenPrecision {
  TrainPrecision precision;
  std::string reason;
};

// The faster activation type on this instruction set, from a table that `bench/compare --isa all` verifies. A timing at the start would
// make the weights of a run depend on noise.
ChosenPrecision fastest_precision(Isa isa);

DType activation_type(TrainPrecision precision);  // not for `automatic`

}  // namespace qkv
