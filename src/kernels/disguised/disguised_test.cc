// The disguise is no proof of anything unless it sees through those who touch its memory.
#include <gtest/gtest.h>

#include <vector>

#include "kernels/kernel_table.h"

namespace qkv {
namespace {

class Disguised : public testing::Test {
 protected:
  Disguised() : values(static_cast<float*>(table.memory.allocate(kBytes))) {
    table.memory.copy_from_host(std::vector<float>{1, 2, 3, 4}.data(), values, kBytes);
  }
  ~Disguised() override { table.memory.free(values, kBytes); }
  std::vector<float> on_host() const {
    std::vector<float> result(4);
    table.memory.copy_to_host(values, result.data(), kBytes);
    return result;
  }
  View view(void* data) const { return {data, 1, 4, 4, DType::f32}; }

  static constexpr int64_t kBytes = 16;
  const KernelTable& table = disguised_kernels();
  float* const values;
};

using DisguisedDeathTest = Disguised;

TEST_F(DisguisedDeathTest, TheHostCannotReadOrWriteItsMemory) {
  EXPECT_DEATH({ *const_cast<volatile float*>(values) = 1; }, "");
  EXPECT_DEATH({ [[maybe_unused]] const float value = *const_cast<volatile float*>(values); }, "");
}

TEST_F(Disguised, AKernelRefusesPointersOfTheHost) {
  float host[4] = {};
  EXPECT_THROW(table.copy({.x = view(host), .out = view(values)}), Error);
  EXPECT_THROW(table.copy({.x = view(values), .out = view(host)}), Error);
  const int32_t id = 0;
  EXPECT_THROW(table.embedding({.ids = &id, .table = view(values), .y = view(values)}), Error);
  EXPECT_EQ(on_host(), (std::vector<float>{1, 2, 3, 4}));
}

TEST_F(Disguised, InASectionKernelsRunInTheirOrderOnceSomebodyWaits) {
  table.stream.begin();
  table.copy({.x = view(values), .out = view(values), .scale = 2});
  table.memory.fill(values, 0, 4);
  table.copy({.x = view(values), .out = view(values), .scale = 10});
  EXPECT_EQ(on_host(), (std::vector<float>{0, 40, 60, 80}));
  table.stream.wait();
  EXPECT_EQ(on_host(), (std::vector<float>{0, 40, 60, 80}));
}

}  // namespace
}  // namespace qkv
