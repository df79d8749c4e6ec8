#include "data/batches.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <tuple>
#include <vector>

#include "base/error.h"
#include "data/test_corpus.h"

namespace qkv {
namespace {

using BatchesOfCorpus = TestCorpus;

// The rule of the PyTorch script that speed is compared with, line for line: targets there begin with a start token.
std::vector<std::vector<int32_t>> peers_batches(const ParallelCorpus& corpus, size_t tokens) {
  std::vector<int32_t> order(static_cast<size_t>(corpus.size()));
  std::iota(order.begin(), order.end(), 0);
  const auto source = [&](int32_t i) { return corpus.source(i).size(); };
  const auto target = [&](int32_t i) { return corpus.target(i).size() + 1; };
  std::sort(order.begin(), order.end(),
            [&](int32_t a, int32_t b) { return std::tuple(target(a), source(a), a) < std::tuple(target(b), source(b), b); });
  std::vector<std::vector<int32_t>> batches;
  std::vector<int32_t> current;
  size_t longest = 0;
  for (const int32_t i : order) {
    size_t n = std::max({longest, source(i), target(i)});
    if (!current.empty() && n * (current.size() + 1) > tokens) {
      batches.push_back(current);
      current.clear();
      n = std::max(source(i), target(i));
    }
    current.push_back(i);
    longest = n;
  }
  batches.push_back(current);
  return batches;
}

TEST_F(BatchesOfCorpus, AreCutAsThePeersAre) {
  write_random(10000);
  const ParallelCorpus corpus = build();
  for (const int64_t tokens : {1, 50, 777, 4096, 1000000000}) {
    const Batches batches(corpus, {.batch_tokens = tokens});
    std::vector<std::vector<int32_t>> found;
    for (int64_t i = 0; i < batches.size(); ++i) found.emplace_back(batches.batch(i).begin(), batches.batch(i).end());
    EXPECT_EQ(found, peers_batches(corpus, static_cast<size_t>(tokens))) << tokens;
  }
}

TEST_F(BatchesOfCorpus, HoldEveryPairOnceWithinTheBudget) {
  write_random(10000);
  const ParallelCorpus corpus = build();
  const Batches batches(corpus, {.batch_tokens = 1024});
  std::vector<int> seen(static_cast<size_t>(corpus.size()));
  for (int64_t i = 0; i < batches.size(); ++i) {
    size_t longest = 0;
    for (const int32_t pair : batches.batch(i)) {
      ++seen[static_cast<size_t>(pair)];
      longest = std::max({longest, corpus.source(pair).size(), corpus.target(pair).size() + 1});
    }
    EXPECT_LE(longest * batches.batch(i).size(), 1024u);
  }
  EXPECT_EQ(seen, std::vector<int>(seen.size(), 1));
}

TEST_F(BatchesOfCorpus, PairLongerThanTheBudgetIsABatchOfItsOwn) {
  write("a\nabcabcabcabc\nab\n", "a\nabcabcabcabc\nab\n");
  const Batches batches(build(), {.batch_tokens = 8});
  ASSERT_EQ(batches.size(), 2);
  EXPECT_EQ(std::vector<int32_t>(batches.batch(0).begin(), batches.batch(0).end()), (std::vector<int32_t>{0, 2}));
  EXPECT_EQ(std::vector<int32_t>(batches.batch(1).begin(), batches.batch(1).end()), (std::vector<int32_t>{1}));
  EXPECT_THROW(batches.batch(2), Error);
  EXPECT_THROW(batches.batch(-1), Error);
}

TEST_F(BatchesOfCorpus, OrderIsAPermutationThatSeedAndEpochGive) {
  write_random(3000);
  const ParallelCorpus corpus = build();
  const Batches batches(corpus, {.batch_tokens = 200, .seed = 5}), others(corpus, {.batch_tokens = 200, .seed = 6});
  ASSERT_GT(batches.size(), 100);
  std::vector<int32_t> all(static_cast<size_t>(batches.size()));
  std::iota(all.begin(), all.end(), 0);
  for (const int64_t epoch : {0, 1, 2}) {
    std::vector<int32_t> order = batches.order(epoch);
    EXPECT_NE(order, all);
    std::sort(order.begin(), order.end());
    EXPECT_EQ(order, all);
  }
  EXPECT_NE(batches.order(0), batches.order(1));
  EXPECT_NE(batches.order(0), others.order(0));
  EXPECT_NE(batches.order(0), batches.order(int64_t{1} << 32)) << "the upper half of the epoch is ignored";
}

TEST_F(BatchesOfCorpus, ResumingInTheMiddleOfAnEpochContinuesTheSameSequence) {
  write_random(2000);
  const auto sequence = [&](int64_t first_step, int64_t steps) {
    const ParallelCorpus corpus = build();  // from the cache after the first time
    const Batches batches(corpus, {.batch_tokens = 300, .seed = 9});
    std::vector<std::vector<int32_t>> seen;
    for (int64_t step = first_step; step < first_step + steps; ++step) {
      const auto batch = batches.batch(batches.order(step / batches.size())[static_cast<size_t>(step % batches.size())]);
      seen.emplace_back(batch.begin(), batch.end());
    }
    return seen;
  };
  const auto whole = sequence(0, 400);
  const auto rest = sequence(257, 143);
  EXPECT_TRUE(std::equal(rest.begin(), rest.end(), whole.begin() + 257));
}

TEST_F(BatchesOfCorpus, BudgetOfNothingIsAnError) {
  write("a\n", "a\n");
  EXPECT_THROW(Batches(build(), {.batch_tokens = 0}), Error);
}

}  // namespace
}  // namespace qkv
