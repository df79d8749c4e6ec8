#include "train/tasks/batch_feed.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <optional>
#include <set>

#include "base/files.h"
#include "base/temporary_directory.h"
#include "text/training/tokenizer_trainer.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;

class Feed : public testing::Test {
 protected:
  void SetUp() override {
    std::vector<std::string> lines;
    std::string source, target;
    for (int i = 0; i < 50; ++i) {
      std::string words = "one";
      for (int j = 0; j < i % 7; ++j) words += i % 2 ? " two" : " three";
      lines.push_back(words);
      source += words + "\n";
      target += words + " end\n";
    }
    lines.push_back("end end");
    write_file_atomically(root_ / "source", source);
    write_file_atomically(root_ / "target", target);
    const Tokenizer tokenizer = train_tokenizer({.vocab_size = 40, .vocab_size_is_upper_bound = true}, std::span<const std::string>(lines));
    const auto build = [&] {
      return ParallelCorpus::build({.source = root_ / "source", .target = root_ / "target", .cache = root_ / "cache", .max_tokens = 64},
                                   tokenizer);
    };
    corpus_.emplace(build());
    pairs_ = std::make_unique<PairSource>(build(), BatchOptions{.batch_tokens = 60, .seed = 3}, kStart);
    write_file_atomically(root_ / "text", source + target);
    windows_ = std::make_unique<WindowSource>(TextCorpus::build({.text = {root_ / "text"}, .cache = root_ / "text cache"}, tokenizer),
                                              WindowOptions{.context = 8, .batch_tokens = 32, .seed = 3});
    end_ = tokenizer.token_to_id("</s>");
  }

  TemporaryDirectory root_;
  std::optional<ParallelCorpus> corpus_;
  std::unique_ptr<BatchSource> pairs_, windows_;
  int32_t end_ = 0;
  static constexpr int32_t kStart = 2;
};

TEST_F(Feed, TheDecoderReadsTheStartAndThenTheTargetOneTokenLater) {
  const std::vector<int32_t> pairs{3, 0, 17};
  const TrainingBatch batch = make_pair_batch(*corpus_, pairs, kStart);
  ASSERT_EQ(batch.source.segments.count(), 3);
  ASSERT_EQ(batch.target_in.ids.size(), batch.target_out.size());
  for (int64_t i = 0; i < 3; ++i) {
    const int32_t begin = batch.target_in.segments.begin(i), length = batch.target_in.segments.length(i);
    const auto target = corpus_->target(pairs[static_cast<size_t>(i)]);
    ASSERT_EQ(length, static_cast<int32_t>(target.size()));
    EXPECT_EQ(batch.target_in.ids[static_cast<size_t>(begin)], kStart);
    EXPECT_EQ(batch.target_out[static_cast<size_t>(begin + length) - 1], end_);
    for (int32_t t = 0; t + 1 < length; ++t) {
      EXPECT_EQ(batch.target_in.ids[static_cast<size_t>(begin + t + 1)], batch.target_out[static_cast<size_t>(begin + t)]);
    }
    const auto source = corpus_->source(pairs[static_cast<size_t>(i)]);
    const auto first = batch.source.ids.begin() + batch.source.segments.begin(i);
    EXPECT_TRUE(std::equal(source.begin(), source.end(), first));
  }
}

TEST_F(Feed, AnEpochHasEveryPairOnceAndEndsWithAnUpdate) {
  std::multiset<int64_t> expected, seen;  // token counts, since batches do not identify their pairs
  for (int64_t pair = 0; pair < corpus_->size(); ++pair) expected.insert(static_cast<int64_t>(corpus_->target(pair).size()));
  BatchFeed feed(*pairs_, 4, {});
  for (Update update = feed.next();; update = feed.next()) {
    int64_t tokens = 0;
    for (const TrainingBatch& batch : update.batches) {
      for (int64_t i = 0; i < batch.target_in.segments.count(); ++i) seen.insert(batch.target_in.segments.length(i));
      tokens += static_cast<int64_t>(batch.target_out.size());
    }
    EXPECT_EQ(update.target_tokens, tokens);
    EXPECT_LE(update.batches.size(), 4u);
    if (update.next.epoch == 1) {
      EXPECT_EQ(update.next.index, 0);
      break;
    }
  }
  EXPECT_EQ(seen, expected);
}

TEST_F(Feed, AWindowsTokensPredictThoseBehindThem) {
  const std::vector<int32_t> order = windows_->order(0);
  const TrainingBatch batch = windows_->batch(0, order, 0);
  EXPECT_TRUE(batch.source.ids.empty());
  ASSERT_EQ(batch.target_in.ids.size(), batch.target_out.size());
  ASSERT_EQ(batch.target_in.segments.count(), 4);
  for (int64_t i = 0; i < 4; ++i) {
    const int32_t begin = batch.target_in.segments.begin(i);
    for (int32_t t = 0; t + 1 < batch.target_in.segments.length(i); ++t) {
      EXPECT_EQ(batch.target_in.ids[static_cast<size_t>(begin + t + 1)], batch.target_out[static_cast<size_t>(begin + t)]);
    }
  }
}

TEST_F(Feed, ItGoesOnFromAnyPlaceAsIfItHadNeverStopped) {
  for (const BatchSource* source : {pairs_.get(), windows_.get()}) {
    BatchFeed whole(*source, 2, {});
    DataPlace place;
    for (int i = 0; i < 25; ++i) {
      BatchFeed resumed(*source, 2, place);
      const Update a = whole.next(), b = resumed.next();
      ASSERT_EQ(a.batches.size(), b.batches.size());
      for (size_t j = 0; j < a.batches.size(); ++j) {
        EXPECT_EQ(a.batches[j].source.ids, b.batches[j].source.ids);
        EXPECT_EQ(a.batches[j].target_in.ids, b.batches[j].target_in.ids);
        EXPECT_EQ(a.batches[j].target_out, b.batches[j].target_out);
      }
      EXPECT_EQ(a.next.epoch, b.next.epoch);
      EXPECT_EQ(a.next.index, b.next.index);
      place = a.next;
    }
    EXPECT_GE(place.epoch, 1) << "the test must cross an epoch's end";
  }
}

}  // namespace
}  // namespace qkv
