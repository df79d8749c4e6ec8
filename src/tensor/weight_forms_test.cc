#include "tensor/weight_forms.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/philox.h"
#include "kernels/kernel_table.h"

namespace qkv {
namespace {

Tensor random_weight(Shape shape, DType dtype, Device device = Device::cpu) {
  RandomStream random(3, 1);
  std::vector<float> values(static_cast<size_t>(Tensor::empty(shape, DType::f32).numel()));
  for (float& value : values) value = random.normal();
  return Tensor::from(values, shape, dtype, device);
}

// The shapes include a short last panel and a short last step of depth.
TEST(WeightForms, ValuesOutliveTheirDenseFormOnEveryInstructionSet) {
  const Isa before = current_isa();
  for (const Isa isa : available_isas()) {
    set_isa(isa);
    for (const Device device : {Device::cpu, Device::disguised, Device::reference}) {
      for (const Shape& shape : {Shape{1, 1}, Shape{33, 31}, Shape{64, 128}, Shape{70, 45}}) {
        for (const DType dtype : {DType::f32, DType::bf16}) {
          const Tensor weight = random_weight(shape, device == Device::reference ? DType::f64 : dtype, device);
          const std::vector<float> values = weight.to_vector();
          keep_packed(weight, dtype);
          EXPECT_EQ(weight.to_vector(), values) << to_string(shape) << " of " << name_of(dtype) << " on " << name_of(isa);
        }
      }
    }
  }
  set_isa(before);
}

TEST(WeightForms, AWeightThatNobodyChangesKeepsOneForm) {
  const auto in_use = [] { return memory_statistics().bytes_in_use; };
  const int64_t before = in_use();
  const Tensor weight = random_weight({1024, 512}, DType::bf16);
  const int64_t dense = in_use() - before;
  keep_packed(weight, DType::bf16);
  const PackedLayout layout = cpu_kernels().packed_layout(512, 1024, DType::bf16);
  EXPECT_EQ(in_use() - before, layout.bytes());
  EXPECT_EQ(dense, 1024 * 512 * 2);
  EXPECT_FALSE(product_weight(weight, true, DType::bf16).dense);
  EXPECT_EQ(in_use() - before, layout.bytes());
}

// An f32 weight packed as bf16 loses bits, so the dense form must stay.
TEST(WeightForms, AFormatThatRoundsDoesNotReplaceTheValues) {
  const Tensor weight = random_weight({64, 64}, DType::f32);
  const std::vector<float> values = weight.to_vector();
  keep_packed(weight, DType::bf16);
  EXPECT_EQ(weight.to_vector(), values);
}

TEST(WeightForms, WhoeverChangesTheWeightAfterwardsIsHeard) {
  const Tensor weight = random_weight({40, 40}, DType::f32);
  keep_packed(weight, DType::f32);
  weight.fill(2);
  const ProductWeight factor = product_weight(weight, true, DType::f32);
  const Tensor unpacked = Tensor::empty({40, 40}, DType::f32);
  cpu_kernels().unpack({unpacked.view(), true, factor.packed.layout, const_cast<void*>(factor.packed.data)});
  EXPECT_EQ(unpacked.to_vector(), std::vector<float>(1600, 2));
}

}  // namespace
}  // namespace qkv
