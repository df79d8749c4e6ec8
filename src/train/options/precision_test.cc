#include "train/options/precision.h"

#include <gtest/gtest.h>

namespace qkv {
namespace {

TEST(Precision, AutoIsBf16ExactlyWhereThereAreInstructionsForIt) {
  for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) EXPECT_EQ(fastest_precision(isa).precision, TrainPrecision::f32);
  for (const Isa isa : {Isa::avx512_bf16, Isa::amx}) EXPECT_EQ(fastest_precision(isa).precision, TrainPrecision::bf16);
}

}  // namespace
}  // namespace qkv
