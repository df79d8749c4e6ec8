#include "text/token_models/unigram_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "base/philox.h"
#include "text/files/test_files.h"

namespace qkv {
namespace {

using Ids = std::vector<int32_t>;
using testing::HasSubstr;

// Over a, b and c with scores that make no ties; "c" is no piece of its own.
std::vector<UnigramPiece> example_pieces() {
  return {{"<unk>", 0},    {"a", -1.313}, {"b", -2.171},   {"ab", -2.953}, {"ba", -4.117},
          {"aab", -3.719}, {"bc", -3.3},  {"abc", -5.233}, {"aa", -3.077}, {"bab", -4.441}};
}

UnigramModel example_model() { return {example_pieces(), {.unk_id = 0}}; }

struct Way {
  Ids ids;
  double score;
};

// All segmentations, by trying every piece at every place.
std::vector<Way> all_ways(const std::vector<UnigramPiece>& pieces, const std::string& text) {
  double lowest = 0;
  for (const UnigramPiece& piece : pieces) lowest = std::min(lowest, piece.score);
  std::vector<Way> ways;
  const std::function<void(size_t, Way)> go = [&](size_t place, Way way) {
    if (place == text.size()) return ways.push_back(way);
    bool single = false;
    const auto follow = [&](int32_t id, size_t size, double score) {
      Way longer = way;
      longer.ids.push_back(id);
      longer.score += score;
      go(place + size, longer);
    };
    for (size_t id = 0; id < pieces.size(); ++id) {
      const std::string& token = pieces[id].token;
      if (text.compare(place, token.size(), token) != 0) continue;
      follow(static_cast<int32_t>(id), token.size(), pieces[id].score);
      single = single || token.size() == 1;
    }
    if (!single) follow(0, 1, lowest - 10);
  };
  go(0, {{}, 0});
  std::sort(ways.begin(), ways.end(), [](const Way& a, const Way& b) { return a.score > b.score; });
  return ways;
}

std::string random_text(RandomStream& random, size_t size) {
  std::string text(size, ' ');
  for (char& c : text) c = static_cast<char>('a' + random.below(8) * 3 / 8);
  return text;
}

Ids joined_unks(Ids ids) {
  ids.erase(std::unique(ids.begin(), ids.end(), [](int32_t a, int32_t b) { return a == 0 && b == 0; }), ids.end());
  return ids;
}

TEST(UnigramModel, FindsTheBestSegmentationsOfAll) {
  const UnigramModel model = example_model();
  RandomStream random(3);
  for (int i = 0; i < 100; ++i) {
    const std::string text = random_text(random, 1 + random.below(11));
    const std::vector<Way> ways = all_ways(example_pieces(), text);
    const auto best = model.best(text, 1000);
    ASSERT_EQ(best.size(), std::min<size_t>(1000, ways.size())) << text;
    for (size_t k = 0; k < best.size(); ++k) ASSERT_NEAR(best[k].score, ways[k].score, 1e-9) << text << " " << k;
    ASSERT_EQ(best[0].ids, joined_unks(ways[0].ids)) << text;
    Ids ids;
    std::vector<Span> spans;
    model.tokenize(text, ids, &spans);
    EXPECT_EQ(ids, best[0].ids) << text;
    EXPECT_EQ(spans, best[0].spans) << text;
  }
}

TEST(UnigramModel, SegmentationsAreDrawnWithTheirProbabilities) {
  const UnigramModel model = example_model();
  constexpr int kDraws = 20'000;
  for (const double alpha : {0.0, 0.3, 1.0}) {
    const std::string text = "aababab";
    std::map<Ids, double> probabilities;
    double sum = 0;
    for (const Way& way : all_ways(example_pieces(), text)) sum += probabilities[way.ids] = std::exp(alpha * way.score);
    std::map<Ids, int> counts;
    RandomStream random(1);
    for (int draw = 0; draw < kDraws; ++draw) {
      Ids ids;
      model.sample(text, {.alpha = alpha}, random, ids, nullptr);
      ++counts[ids];
    }
    EXPECT_GT(probabilities.size(), 20u);
    for (const auto& [ids, weight] : probabilities) {
      const double p = weight / sum;
      EXPECT_NEAR(static_cast<double>(counts[ids]) / kDraws, p, 5 * std::sqrt(p * (1 - p) / kDraws) + 1e-4) << alpha;
    }
    EXPECT_LE(counts.size(), probabilities.size());
  }
}

TEST(UnigramModel, ASeedDrawsTheSameAgainAndALargeAlphaTheBest) {
  const UnigramModel model = example_model();
  const auto draw = [&](uint64_t seed, double alpha) {
    RandomStream random(seed);
    Ids ids;
    std::vector<Span> spans;
    model.sample("aabcabccabab", {.alpha = alpha}, random, ids, &spans);
    EXPECT_EQ(spans.size(), ids.size());
    return ids;
  };
  EXPECT_EQ(draw(5, 0.1), draw(5, 0.1));
  EXPECT_NE(draw(5, 0.1), draw(6, 0.1));
  EXPECT_EQ(draw(5, 1e6), model.best("aabcabccabab", 1)[0].ids);
  EXPECT_THAT(error_of([&] { draw(5, -1); }), HasSubstr("alpha is -1"));
  EXPECT_THAT(error_of([&] { draw(5, NAN); }), HasSubstr("alpha is nan"));
}

TEST(UnigramModel, WithoutUnkAnUnknownCharacterIsAnErrorUnlessALongerPieceHoldsIt) {
  const UnigramModel model(example_pieces(), {});
  Ids ids;
  model.tokenize("abc", ids, nullptr);
  EXPECT_EQ(ids, (Ids{1, 6}));
  EXPECT_EQ(model.best("abc", 9).size(), 2u);  // abc, a bc
  for (const char* text : {"x", "c", "aéa"}) {
    EXPECT_THAT(error_of([&] { model.tokenize(text, ids, nullptr); }), HasSubstr("has no unk_id")) << text;
    EXPECT_THAT(error_of([&] { (void)model.best(text, 1); }), HasSubstr("has no unk_id")) << text;
    RandomStream random(1);
    EXPECT_THAT(error_of([&] { model.sample(text, {}, random, ids, nullptr); }), HasSubstr("has no unk_id")) << text;
  }
}

// Millions of bytes without a place that no piece spans, and with unknown characters alone.
TEST(UnigramModel, ATextOfMillionsOfCharactersWithoutASpaceIsCut) {
  const UnigramModel model = example_model();
  constexpr size_t kSize = 3'000'000;
  Ids ids;
  std::vector<Span> spans;
  model.tokenize(std::string(kSize, 'a'), ids, &spans);
  EXPECT_EQ(ids, Ids(kSize, 1));
  EXPECT_EQ(spans.back(), (Span{kSize - 1, kSize}));
  ids.clear();
  model.tokenize(std::string(kSize, 'x'), ids, nullptr);
  EXPECT_EQ(ids, Ids{0});
  RandomStream random(1);
  const std::string text = random_text(random, kSize);
  ids.clear();
  spans.clear();
  model.tokenize(text, ids, &spans);
  size_t end = 0;
  for (size_t i = 0; i < ids.size(); ++i) {
    ASSERT_EQ(spans[i].begin, end);
    end = spans[i].end;
    if (ids[i] != 0) {
      ASSERT_EQ(text.substr(spans[i].begin, end - spans[i].begin), model.vocabulary().token(ids[i]));
    }
  }
  EXPECT_EQ(end, kSize);
  ids.clear();
  model.sample(text, {}, random, ids, nullptr);
  EXPECT_GT(ids.size(), kSize / 3);
}

// Pieces overlap everywhere, so that the search has no place to end at but those it finds by following its ways back.
TEST(UnigramModel, ALongTextOfOverlappingPiecesHasTheBestSegmentation) {
  const std::vector<UnigramPiece> pieces{{"<unk>", 0}, {"a", -2.3},  {"b", -2.6},  {"ab", -3.1},
                                         {"ba", -3.4}, {"aa", -3.9}, {"bb", -3.7}, {"abba", -5.9}};
  const UnigramModel model(pieces, {.unk_id = 0});
  RandomStream random(9);
  std::string text(400'000, ' ');
  for (char& c : text) c = static_cast<char>('a' + random.below(2));
  Ids ids;
  model.tokenize(text, ids, nullptr);
  double score = 0;
  for (const int32_t id : ids) score += pieces[static_cast<size_t>(id)].score;
  EXPECT_NEAR(score, model.best(text, 1)[0].score, 1e-5);
  // Two ways that never meet: from the first place on and from the second on.
  const UnigramModel pairs({{"<unk>", 0}, {"a", -1}, {"aa", -1}}, {.unk_id = 0});
  ids.clear();
  pairs.tokenize(std::string(300'001, 'a'), ids, nullptr);
  EXPECT_EQ(ids.size(), 150'001u);
}

TEST(UnigramModel, RefusesWhatItCannotCompute) {
  EXPECT_THAT(error_of([] { UnigramModel({{"a", NAN}}, {}); }), HasSubstr("score nan of the piece \"a\""));
  EXPECT_THAT(error_of([] { UnigramModel({{"a", 2e30}}, {}); }), HasSubstr("out of range"));
  EXPECT_THAT(error_of([] { UnigramModel({{"a", 0}}, {.unk_id = 1}); }), HasSubstr("unk_id 1 is out of range"));
  EXPECT_THAT(error_of([] { UnigramModel({{"a", 0}}, {.unk_id = -1}); }), HasSubstr("unk_id -1 is out of range"));
}

// Scores of few values make many ties, which the rounding of what comes before decides. Spans are found by searching the whole text.
TEST(UnigramModel, WordByWordTheIdsAreThoseOfTheWholeTextTiesAndUnknownCharactersIncluded) {
  RandomStream random(5);
  for (int round = 0; round < 20; ++round) {
    std::vector<UnigramPiece> pieces{{"<unk>", 0, UnigramPiece::Kind::hidden}, {"▁", -3.1f}, {"a", -2.3f}, {"b", -2.7f}};
    for (const char* token : {"aa", "ab", "ba", "▁a", "▁b", "▁▁", "aab", "bab", "▁ab", "abab", "▁▁a", "é", "éa"}) {
      pieces.push_back({token, -0.1f * static_cast<float>(20 + random.below(30))});
    }
    const UnigramModel model(pieces, {.unk_id = 0, .single_precision = true});
    for (int i = 0; i < 100; ++i) {
      std::string text;
      for (uint64_t size = random.below(400); size > 0; --size) {
        constexpr const char* kUnits[] = {"▁", "▁", "a", "a", "b", "b", "é", "x"};
        text += kUnits[random.below(8)];
      }
      Ids ids, whole;
      std::vector<Span> spans;
      model.tokenize(text, ids, nullptr);
      model.tokenize(text, whole, &spans);
      ASSERT_EQ(ids, whole) << text;
    }
  }
}

}  // namespace
}  // namespace qkv
