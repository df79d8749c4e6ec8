#include "tensor/memory_pool.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "base/philox.h"

namespace qkv {
namespace {

struct Taken {
  char* data;
  int64_t size;
  char mark;
};

// Thousands of blocks are allocated and freed; live blocks never overlap.
TEST(MemoryPool, BlocksNeverOverlap) {
  RandomStream random(3, 1);
  std::vector<Taken> taken;
  for (int i = 0; i < 20000; ++i) {
    if (taken.size() > 100 || (!taken.empty() && random.below(3) == 0)) {
      const size_t at = random.below(taken.size());
      const Taken gone = taken[at];
      for (const int64_t byte : {int64_t{0}, gone.size / 2, gone.size - 1}) ASSERT_EQ(gone.data[byte], gone.mark) << i;
      free_block(gone.data);
      taken[at] = taken.back();
      taken.pop_back();
      continue;
    }
    const int64_t size = 1 + static_cast<int64_t>(random.below(random.below(8) == 0 ? 3'000'000 : 5'000));
    int64_t granted = 0;
    char* data = static_cast<char*>(allocate_block(size, granted));
    ASSERT_GE(granted, size);
    ASSERT_EQ(reinterpret_cast<uintptr_t>(data) % 64, 0u);
    const char mark = static_cast<char>(i);
    for (const int64_t byte : {int64_t{0}, granted / 2, granted - 1}) data[byte] = mark;
    taken.push_back({data, granted, mark});
  }
  for (const Taken& each : taken) free_block(each.data);
}

#if !defined(__SANITIZE_ADDRESS__)
// With batches of changing sizes the pool stays close to the memory in use, because freed neighbours are merged.
TEST(MemoryPool, ChangingSizesShareTheSameMemory) {
  release_unused_memory();
  RandomStream random(5, 1);
  const int64_t before = memory_statistics().bytes_reserved;
  int64_t most = 0;
  for (int step = 0; step < 200; ++step) {
    std::vector<void*> blocks;
    int64_t sum = 0;
    for (int i = 0; i < 30; ++i) {
      int64_t granted = 0;
      blocks.push_back(allocate_block(1'000'000 + static_cast<int64_t>(random.below(3'000'000)), granted));
      sum += granted;
    }
    most = std::max(most, sum);
    for (void* block : blocks) free_block(block);
  }
  EXPECT_LT(memory_statistics().bytes_reserved - before, most * 3 / 2);
  release_unused_memory();
  EXPECT_LE(memory_statistics().bytes_reserved, before);
}
#endif

}  // namespace
}  // namespace qkv
