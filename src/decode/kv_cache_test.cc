#include "decode/kv_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/philox.h"

namespace qkv {
namespace {

constexpr int64_t kWidths[] = {3, 5};

// Write and read one row: all its keys are `value`, all its values -value.
void write_row(const KvCache& cache, int32_t row, float value) {
  for (const KeyValueRows& layer : cache.layers()) {
    std::fill_n(layer.k.view().row<float>(row), layer.k.cols(), value);
    std::fill_n(layer.v.view().row<float>(row), layer.v.cols(), -value);
  }
}

std::optional<float> read_row(const KvCache& cache, int32_t row) {
  const float value = *cache.layers().front().k.view().row<float>(row);
  for (const KeyValueRows& layer : cache.layers()) {
    for (int64_t column = 0; column < layer.k.cols(); ++column) {
      if (layer.k.view().row<float>(row)[column] != value || layer.v.view().row<float>(row)[column] != -value) return std::nullopt;
    }
  }
  return value;
}

// A sequence with its reference model: all values, copied at each fork.
struct Checked {
  KvCache::Table table;
  std::vector<float> values;
};

void extend(KvCache& cache, Checked& sequence, int32_t count, float& next_value) {
  std::vector<int32_t> rows;
  cache.extend(sequence.table, count, rows);
  ASSERT_EQ(std::ssize(rows), count);
  for (const int32_t row : rows) {
    write_row(cache, row, next_value);
    sequence.values.push_back(next_value++);
  }
}

void expect_equal(const KvCache& cache, const std::vector<Checked>& sequences) {
  std::set<int32_t> blocks;
  for (const Checked& each : sequences) {
    const std::vector<int32_t> rows = each.table.rows();
    ASSERT_EQ(rows.size(), each.values.size());
    for (size_t i = 0; i < rows.size(); ++i) {
      ASSERT_EQ(read_row(cache, rows[i]), each.values[i]) << "token " << i;
      blocks.insert(rows[i] / KvCache::kBlockRows);
    }
  }
  ASSERT_EQ(cache.blocks() - cache.free_blocks(), std::ssize(blocks)) << "a block is leaked, or used though it is free";
}

TEST(KvCache, TenThousandOperationsAgreeWithAPlainModelAndLeakNoBlock) {
  KvCache cache(kWidths, DType::f32, Device::cpu);
  RandomStream random(1);
  std::vector<Checked> sequences;
  float next_value = 1;
  const auto any = [&] { return static_cast<size_t>(random.below(sequences.size())); };
  for (int operation = 0; operation < 10'000; ++operation) {
    const uint64_t kind = random.below(20);
    if (sequences.empty() || (kind == 0 && sequences.size() < 16)) {  // join
      sequences.push_back({cache.create(), {}});
      extend(cache, sequences.back(), static_cast<int32_t>(random.below(60)), next_value);
    } else if (kind < 3 && sequences.size() < 16) {  // fork
      const Checked& parent = sequences[any()];
      sequences.push_back({cache.fork(parent.table), parent.values});
    } else if (kind < 5) {  // leave
      sequences.erase(sequences.begin() + static_cast<std::ptrdiff_t>(any()));
    } else if (kind < 8) {  // reorder as beam search does: some parents repeat, others disappear
      std::vector<Checked> next;
      for (size_t i = 0; i < sequences.size(); ++i) {
        const Checked& parent = sequences[any()];
        next.push_back({cache.fork(parent.table), parent.values});
      }
      sequences = std::move(next);
    } else {  // step
      for (Checked& each : sequences) {
        if (random.below(4) != 0) extend(cache, each, random.below(16) == 0 ? 20 : 1, next_value);
      }
      std::erase_if(sequences, [](const Checked& each) { return each.values.size() > 100; });
    }
    ASSERT_NO_FATAL_FAILURE(expect_equal(cache, sequences)) << "operation " << operation;
  }
  sequences.clear();
  EXPECT_EQ(cache.free_blocks(), cache.blocks());
}

TEST(KvCache, AForkSharesAllBlocksAndCopiesTheLastOnceItIsWrittenOn) {
  KvCache cache(kWidths, DType::f32, Device::cpu);
  float value = 1;
  Checked first{cache.create(), {}};
  extend(cache, first, 2 * KvCache::kBlockRows + 1, value);
  Checked second{cache.fork(first.table), first.values};
  EXPECT_EQ(cache.blocks(), 3);
  EXPECT_EQ(first.table.rows(), second.table.rows());
  extend(cache, second, 1, value);
  EXPECT_EQ(cache.blocks(), 4) << "two are shared, the third is copied";
  extend(cache, first, 1, value);
  EXPECT_EQ(cache.blocks(), 4) << "the first has its own again";
  std::vector<Checked> both;
  both.push_back(std::move(first));
  both.push_back(std::move(second));
  expect_equal(cache, both);
}

TEST(KvCache, FullBlocksAreSharedAndNeverCopied) {
  KvCache cache(kWidths, DType::f32, Device::cpu);
  float value = 1;
  Checked first{cache.create(), {}};
  extend(cache, first, KvCache::kBlockRows, value);
  Checked second{cache.fork(first.table), first.values};
  extend(cache, second, 1, value);
  EXPECT_EQ(cache.blocks(), 2);
  EXPECT_EQ(second.table.rows().front(), first.table.rows().front());
}

TEST(KvCache, GrowingKeepsWhatWasWritten) {
  KvCache cache(kWidths, DType::f32, Device::cpu);
  float value = 1;
  std::vector<Checked> sequences;
  sequences.push_back({cache.create(), {}});
  for (int i = 0; i < 2'000; ++i) extend(cache, sequences.front(), 50, value);
  expect_equal(cache, sequences);
}

TEST(KvCache, ATableOfAnotherCacheIsRefused) {
  KvCache one(kWidths, DType::f32, Device::cpu), other(kWidths, DType::f32, Device::cpu);
  KvCache::Table table = one.create();
  std::vector<int32_t> rows;
  EXPECT_THROW(other.extend(table, 1, rows), Error);
  EXPECT_THROW(other.fork(table), Error);
}

}  // namespace
}  // namespace qkv
