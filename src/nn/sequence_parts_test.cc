#include "nn/sequence_parts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <utility>
#include <vector>

#include "base/parallel.h"
#include "nn/test_networks.h"
#include "tensor/tape.h"

namespace qkv {
namespace {

using testing::ElementsAre;
using testing::Pair;

std::vector<std::pair<int64_t, int64_t>> parts(const std::vector<int32_t>& lengths, int64_t threads) {
  std::vector<std::pair<int64_t, int64_t>> result;
  for (const SequenceRange& range : sequence_parts(Segments::of_lengths(lengths), threads)) result.emplace_back(range.first, range.last);
  return result;
}

TEST(SequenceParts, EachThreadGetsTheSameNumberOfTokens) {
  EXPECT_THAT(parts({100, 100, 100, 100}, 2), ElementsAre(Pair(0, 2), Pair(2, 4)));
  EXPECT_THAT(parts({200, 60, 60, 60}, 2), ElementsAre(Pair(0, 1), Pair(1, 4)));
  EXPECT_THAT(parts({100, 100, 100}, 3), ElementsAre(Pair(0, 1), Pair(1, 2), Pair(2, 3)));
  EXPECT_THAT(parts({100, 100, 0, 0}, 2), ElementsAre(Pair(0, 1), Pair(1, 4)));
}

TEST(SequenceParts, LongBatchesHaveSeveralPartsForEachThread) {
  EXPECT_THAT(parts(std::vector<int32_t>(8, 256), 2), ElementsAre(Pair(0, 2), Pair(2, 4), Pair(4, 6), Pair(6, 8)));
}

TEST(SequenceParts, FewOrUnequalSequencesStayTogether) {
  EXPECT_THAT(parts({}, 2), ElementsAre(Pair(0, 0)));
  EXPECT_THAT(parts({1000}, 2), ElementsAre(Pair(0, 1)));
  EXPECT_THAT(parts({1000, 10, 10}, 2), ElementsAre(Pair(0, 3)));
  EXPECT_THAT(parts({90, 90}, 2), ElementsAre(Pair(0, 2)));
  EXPECT_THAT(parts({100, 100, 100, 100}, 1), ElementsAre(Pair(0, 4)));
}

class TwoThreads : public testing::Test {
 protected:
  TwoThreads() { set_num_threads(2); }
  ~TwoThreads() override { set_num_threads(0); }
};

// 40 sequences of 1 to 20 tokens of their own.
TokenBatch many_sequences(bool token_types) {
  std::vector<int32_t> lengths;
  for (int32_t i = 0; i < 40; ++i) lengths.push_back(1 + i * 7 % 20);
  TokenBatch batch{.segments = Segments::of_lengths(lengths)};
  for (int32_t row = 0; row < batch.segments.tokens(); ++row) {
    batch.ids.push_back(row * 5 % 11);
    if (token_types) batch.token_types.push_back(row / 3 % 2);
  }
  return batch;
}

using SequencePartsOfNetworks = TwoThreads;

TEST_F(SequencePartsOfNetworks, RowsEqualThoseOfOneThreadBitForBit) {
  for (const auto& [name, config] : variants_and_encoders()) {
    SCOPED_TRACE(name);
    const Fixture f(config, Device::cpu);
    const TokenBatch batch = many_sequences(config.token_types > 1);
    const auto rows = [&] {
      ForwardContext context;
      return (config.has_encoder() ? f.network.encode(batch, context) : f.network.decode(batch, {}, {}, context)).to_vector();
    };
    const std::vector<float> on_two = rows();
    set_num_threads(1);
    EXPECT_EQ(rows(), on_two);
    set_num_threads(2);
  }
}

TEST_F(SequencePartsOfNetworks, ObserversSeeTheWholeBatchOnTheirThread) {
  const TokenBatch batch = many_sequences(false);
  int64_t calls = 0;
  const auto sequences = [&](ForwardContext context) {
    calls = 0;
    std::mutex mutex;
    by_sequences(batch, Device::cpu, context, [&](const TokenBatch& part, ForwardContext&) {
      const std::lock_guard lock(mutex);
      ++calls;
      return Tensor::from(std::vector<float>(part.ids.begin(), part.ids.end()), {part.segments.tokens(), 1});
    });
    return calls;
  };
  EXPECT_EQ(sequences({}), 2);
  EXPECT_EQ(sequences({.training = true}), 1);
  EXPECT_EQ(sequences({.on_value = [](const ValueRecord&) {}}), 1);
  EXPECT_EQ(sequences({.on_attention = [](const AttentionRecord&) {}}), 1);
  Tape tape;
  const RecordScope scope(&tape);
  EXPECT_EQ(sequences({}), 1);
}

}  // namespace
}  // namespace qkv
