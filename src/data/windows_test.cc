#include "data/windows.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "base/error.h"
#include "data/test_text.h"

namespace qkv {
namespace {

using WindowsOfText = TestText;

std::vector<std::vector<Window>> batches_of(const WindowBatches& batches, int64_t epoch) {
  std::vector<std::vector<Window>> all;
  const std::vector<int32_t> order = batches.order(epoch);
  for (int64_t i = 0; i < batches.size(); ++i) all.push_back(batches.batch(epoch, order, i));
  return all;
}

// How often each token is read.
std::vector<int> reads_of(const std::vector<std::vector<Window>>& batches, size_t tokens) {
  std::vector<int> reads(tokens);
  for (const auto& batch : batches) {
    for (const Window& window : batch) {
      for (int64_t i = window.begin; i < window.begin + window.length; ++i) ++reads[static_cast<size_t>(i)];
    }
  }
  return reads;
}

TEST_F(WindowsOfText, ConsecutiveOnesPredictEachTokenButTheFirstOnce) {
  const TextCorpus corpus = build(random_text(1000));
  const std::vector<Window> windows = consecutive_windows(corpus, 64);
  ASSERT_EQ(windows.size(), 16u);  // 999 predictions
  for (size_t i = 0; i < 16; ++i) EXPECT_EQ(windows[i], (Window{static_cast<int64_t>(i) * 64, i < 15 ? 64 : 39}));
  EXPECT_EQ(consecutive_windows(corpus, 999), (std::vector<Window>{{0, 999}}));
  EXPECT_EQ(consecutive_windows(corpus, 1000), (std::vector<Window>{{0, 999}}));
}

TEST_F(WindowsOfText, ConsecutiveOnesOfDocumentsBeginWithEach) {
  const TextCorpus corpus = build("abcde|a|abc", "|");  // . a b c d e . a . a b c .
  EXPECT_EQ(consecutive_windows(corpus, 4), (std::vector<Window>{{0, 4}, {4, 2}, {6, 2}, {8, 4}}));
}

TEST_F(WindowsOfText, BatchesOfThemStayWithinTheBudget) {
  const std::vector<Window> windows{{0, 4}, {4, 2}, {6, 2}, {8, 9}, {17, 1}};
  EXPECT_EQ(batch_starts(windows, 8), (std::vector<int64_t>{0, 3, 4, 5}));
  EXPECT_EQ(batch_starts(windows, 100), (std::vector<int64_t>{0, 5}));
  EXPECT_EQ(batch_starts({}, 8), (std::vector<int64_t>{0}));
}

TEST_F(WindowsOfText, AnEpochReadsNoTokenTwiceAndLeavesOutLessThanABatch) {
  for (const size_t size : {17, 18, 200, 1000, 1025}) {
    const TextCorpus corpus = build(random_text(size));
    const WindowBatches batches(corpus, {.context = 16, .batch_tokens = 80});
    std::map<int64_t, int> offsets;
    for (int64_t epoch = 0; epoch < 40; ++epoch) {
      const auto all = batches_of(batches, epoch);
      const std::vector<int> reads = reads_of(all, size);
      EXPECT_LE(*std::max_element(reads.begin(), reads.end()), 1);
      EXPECT_EQ(reads.back(), 0) << "the last token predicts nothing";
      EXPECT_LT(std::count(reads.begin(), reads.end(), 0), 80 + 16 + 1);
      for (const auto& batch : all) {
        EXPECT_EQ(batch.size(), std::min<size_t>(5, (size - 1) / 16));
        for (const Window& window : batch) {
          EXPECT_TRUE(window.length == 16 || window.begin == 0);
          if (window.length == 16) ++offsets[window.begin % 16];
        }
      }
    }
    if (size > 200) {
      EXPECT_GT(offsets.size(), 10u) << "windows are the same ones in every epoch";
    }
  }
}

TEST_F(WindowsOfText, ATextShorterThanAWindowIsOne) {
  const TextCorpus corpus = build("abcd");
  const WindowBatches batches(corpus, {.context = 16, .batch_tokens = 80});
  EXPECT_EQ(batches_of(batches, 0), (std::vector<std::vector<Window>>{{{0, 3}}}));
  EXPECT_THROW(WindowBatches(build("a"), {.context = 16, .batch_tokens = 80}), Error);
  EXPECT_THROW(WindowBatches(corpus, {.context = 16, .batch_tokens = 15}), Error);
}

TEST_F(WindowsOfText, NanoGptsBatchHas64WindowsOf256) {
  const TextCorpus corpus = build(random_text(1'003'854));
  const WindowBatches batches(corpus, {});
  EXPECT_EQ(batches.size(), 61);
  EXPECT_EQ(batches.batch(0, batches.order(0), 60).size(), 64u);
}

TEST_F(WindowsOfText, OrderDependsOnSeedAndEpochAndGoesOnFromAnyPlace) {
  const TextCorpus corpus = build(random_text(5000));
  for (const bool documents : {false, true}) {
    const WindowBatches a(corpus, {.context = 16, .batch_tokens = 80, .whole_documents = documents, .seed = 3});
    const WindowBatches again(corpus, {.context = 16, .batch_tokens = 80, .whole_documents = documents, .seed = 3});
    const WindowBatches other(corpus, {.context = 16, .batch_tokens = 80, .whole_documents = documents, .seed = 4});
    EXPECT_EQ(batches_of(a, 5), batches_of(again, 5));
    EXPECT_NE(batches_of(a, 5), batches_of(a, 6));
    EXPECT_NE(batches_of(a, 5), batches_of(other, 5));
    EXPECT_EQ(again.batch(6, again.order(6), 7), batches_of(a, 6)[7]);
    EXPECT_THROW(a.batch(0, a.order(0), a.size()), Error);
  }
}

TEST_F(WindowsOfText, WholeDocumentsAreEachReadOnceInAnEpoch) {
  const TextCorpus corpus = build(random_text(3000), "\n");
  std::vector<Window> expected = consecutive_windows(corpus, 16);
  const WindowBatches batches(corpus, {.context = 16, .batch_tokens = 80, .whole_documents = true});
  const auto by_place = [](const Window& a, const Window& b) { return a.begin < b.begin; };
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    std::vector<Window> seen;
    for (const auto& batch : batches_of(batches, epoch)) {
      int64_t tokens = 0;
      for (const Window& window : batch) tokens += window.length;
      EXPECT_LE(tokens, 80);
      seen.insert(seen.end(), batch.begin(), batch.end());
    }
    EXPECT_NE(seen, expected);
    std::sort(seen.begin(), seen.end(), by_place);
    EXPECT_EQ(seen, expected);
  }
}

}  // namespace
}  // namespace qkv
