#include "decode/beam.h"

#include <gtest/gtest.h>

namespace qkv {
namespace {

constexpr int kEos = 0;
const std::vector<int32_t> kEnds{kEos};

SearchOptions two_beams() {
  SearchOptions options;
  options.num_beams = 2;
  options.num_return_sequences = 2;
  options.max_length = 100;
  options.length_penalty = 0;  // scores are sums
  return options;
}

using Candidates = std::vector<Candidate>;

TEST(Beams, EndingBehindTheFirstBeamsIsLost) {
  Beams beams(two_beams(), 100, kEnds);
  beams.advance(Candidates{{5, -1}, {6, -2}, {kEos, -3}, {7, -4}}, 1);
  EXPECT_EQ(beams.running().size(), 2u);
  // The third-best continuation is </s>: ranked below the two beams, it neither finishes nor takes a running hypothesis's place.
  beams.advance(Candidates{{8, -1}, {9, -1.5}, {kEos, -2}, {-1, 0}, {10, -3}, {-1, 0}, {-1, 0}, {-1, 0}}, 2);
  EXPECT_EQ(beams.running().size(), 2u);
  EXPECT_TRUE(beams.best(2).at(0).ids.empty());
}

TEST(Beams, FinishedHypothesisCarriesItsPathAndScores) {
  Beams beams(two_beams(), 100, kEnds);
  beams.advance(Candidates{{5, -1}, {6, -2}, {-1, 0}, {-1, 0}}, 1);
  beams.advance(Candidates{{7, -5}, {-1, 0}, {-1, 0}, {-1, 0}, {8, -1}, {-1, 0}, {-1, 0}, {-1, 0}}, 2);
  EXPECT_EQ(beams.running()[0].parent, 1);  // the second beam overtook the first
  beams.advance(Candidates{{kEos, -1}, {9, -2}, {-1, 0}, {-1, 0}, {10, -7}, {-1, 0}, {-1, 0}, {-1, 0}}, 3);
  const Hypothesis best = beams.best(1).at(0);
  EXPECT_EQ(best.ids, (std::vector<int32_t>{6, 8, kEos}));
  EXPECT_EQ(best.token_scores, (std::vector<float>{-2, -1, -1}));
  EXPECT_EQ(best.score, -4);
}

TEST(Beams, EarlyStoppingDecidesWhenAFullListIsDone) {
  const auto done_after_two_endings = [](EarlyStopping early_stopping, float length_penalty, float running_score) {
    SearchOptions options = two_beams();
    options.early_stopping = early_stopping;
    options.length_penalty = length_penalty;
    Beams beams(options, options.max_length, kEnds);
    beams.advance(Candidates{{kEos, -1}, {5, -2}, {6, -3}, {-1, 0}}, 1);
    EXPECT_FALSE(beams.done());
    beams.advance(Candidates{{kEos, 0}, {7, running_score + 2}, {-1, 0}, {-1, 0}, {8, -9}, {-1, 0}, {-1, 0}, {-1, 0}}, 2);
    return beams.done();
  };
  EXPECT_TRUE(done_after_two_endings(EarlyStopping::yes, 0, -2));
  EXPECT_TRUE(done_after_two_endings(EarlyStopping::no, 0, -3));      // -3 cannot rise above -2
  EXPECT_FALSE(done_after_two_endings(EarlyStopping::no, 1, -1.9f));  // -1.9 / 2 is above -2 / 2
  EXPECT_TRUE(done_after_two_endings(EarlyStopping::no, 1, -3));
  EXPECT_FALSE(done_after_two_endings(EarlyStopping::never, 1, -3));  // -3 / 99 is above -2 / 2
}

TEST(Beams, LastStepEndsEverything) {
  SearchOptions options = two_beams();
  options.max_length = 3;
  Beams beams(options, options.max_length, kEnds);
  beams.advance(Candidates{{5, -1}, {6, -2}, {7, -3}, {-1, 0}}, 1);
  beams.advance(Candidates{{8, -1}, {9, -2}, {-1, 0}, {-1, 0}, {8, -3}, {-1, 0}, {-1, 0}, {-1, 0}}, 2);
  EXPECT_TRUE(beams.done());
  const std::vector<Hypothesis> best = beams.best(2);
  ASSERT_EQ(best.size(), 2u);
  EXPECT_EQ(best[0].ids, (std::vector<int32_t>{5, 8}));
  EXPECT_EQ(best[1].ids, (std::vector<int32_t>{5, 9}));
}

}  // namespace
}  // namespace qkv
