// Products of bf16 on scalar twins of AMX's tiles and of AVX-512's dot products: packing, blocks and tails, on every machine.
#include "kernels/cpu/matmul/bf16_twins.h"

#include <gtest/gtest.h>

#include "kernels/cpu/matmul/matmul_cases.h"

#define QKV_TARGET_BEGIN
#define QKV_TARGET_END
#define QKV_TARGET_NAMESPACE twin
#define QKV_TARGET_ATTRIBUTE
#include "kernels/cpu/matmul/bf16_units-inl.h"
#include "kernels/cpu/matmul/blocked_product-inl.h"

namespace qkv::cpu::twin {
namespace {

template <typename Unit>
void expect_double_sums(const char* unit) {
  for (const Product& t : products()) {
    if (t.a_type != DType::bf16) continue;
    std::vector<bf16> data;
    const auto pack = [&](const MatmulParams& p) {
      const PackedLayout layout{.format = PackedFormat::bf16_tiles, .width = 32, .depth = t.depth, .columns = t.columns};
      data.resize(static_cast<size_t>(layout.bytes() / 2));
      pack_b<Unit>(p.b, p.transpose_b, data.data());
      return PackedMatrix{layout, data.data()};
    };
    EXPECT_LT(error_of(t, pack, [](const MatmulParams& p) { blocked_product<Unit>(p); }), tolerance_of(t)) << t << " by " << unit;
  }
}

TEST(Bf16Twins, TilesEqualDoubleSums) { expect_double_sums<TileUnit>("tiles"); }
TEST(Bf16Twins, DotProductsEqualDoubleSums) { expect_double_sums<DotUnit>("dot products"); }

}  // namespace
}  // namespace qkv::cpu::twin
