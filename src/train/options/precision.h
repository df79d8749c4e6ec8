// What --dtype auto means.
#pragma once

#include <string>

#include "kernels/kernel_table.h"
#include "qkv/trainer.h"

namespace qkv {

struct ChosenPrecision {
  TrainPrecision precision;
  std::string reason;
};

// The faster type of activations on this instruction set: a table, verified by `bench/compare --isa all`. A timing at the start would let
// noise decide the weights of two runs of the same command.
ChosenPrecision fastest_precision(Isa isa);

DType activation_type(TrainPrecision precision);  // not of `automatic`

}  // namespace qkv
