#include "text/training/unigram_trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <random>

#include "base/parallel.h"
#include "base/utf8.h"
#include "text/files/test_files.h"
#include "text/token_models/unigram_lattice.h"

namespace qkv {
namespace {

TEST(UnigramLattice, SumsAndPosteriorsEqualThoseOverAllWaysOneByOne) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> score_of(-12, 0);
  for (int round = 0; round < 200; ++round) {
    const uint32_t length = 1 + random() % 9;
    struct Edge {
      uint32_t begin, end, piece;
      double score;
    };
    std::vector<Edge> edges;
    UnigramLattice lattice;
    lattice.reset(length);
    for (uint32_t begin = 0; begin < length; ++begin) {
      for (uint32_t end = length; end > begin; --end) {
        if (end > begin + 1 && random() % 2) continue;
        edges.push_back({begin, end, static_cast<uint32_t>(random() % 5), score_of(random)});
        lattice.add(begin, end, edges.back().piece, edges.back().score, std::exp(edges.back().score));
      }
    }
    double all = 0, best = -1e300;
    std::vector<double> expected(5, 0.0), found(5, 0.0);
    std::vector<uint32_t> way, best_way;
    const std::function<void(uint32_t, double)> walk = [&](uint32_t at, double score) {
      if (at == length) {
        all += std::exp(score);
        for (const uint32_t piece : way) expected[piece] += std::exp(score);
        if (score > best) best_way = way;
        best = std::max(best, score);
      }
      for (const Edge& edge : edges) {
        if (edge.begin != at) continue;
        way.push_back(edge.piece);
        walk(edge.end, score + edge.score);
        way.pop_back();
      }
    };
    walk(0, 0);
    std::vector<uint32_t> pieces;
    lattice.best_way([&](uint32_t piece) { pieces.insert(pieces.begin(), piece); });
    EXPECT_EQ(pieces, best_way);
    EXPECT_NEAR(lattice.best_score(), best, 1e-9);
    EXPECT_NEAR(lattice.posteriors([&](uint32_t piece, double probability) { found[piece] += probability; }), std::log(all), 1e-9);
    for (size_t piece = 0; piece < 5; ++piece) EXPECT_NEAR(found[piece], expected[piece] / all, 1e-9);
  }
}

TEST(UnigramLattice, TheLongestWordsNeitherOverflowNorUnderflow) {
  for (const double score : {-45.0, 0.0}) {
    UnigramLattice lattice;
    lattice.reset(UnigramLattice::kMaxLength);
    for (uint32_t i = 0; i < UnigramLattice::kMaxLength; ++i) {
      for (uint32_t end = std::min(i + 16, UnigramLattice::kMaxLength); end > i; --end)
        lattice.add(i, end, end - i, score, std::exp(score));
    }
    double characters = 0;
    const double sum = lattice.posteriors([&](uint32_t piece, double probability) { characters += piece * probability; });
    EXPECT_NEAR(characters, UnigramLattice::kMaxLength, 1e-6) << "each way has all characters";
    EXPECT_TRUE(std::isfinite(sum));
  }
}

struct Quality {
  double log_likelihood = 0;  // of the best ways, with the pieces' probabilities made to sum to 1
  double tokens = 0;
};

Quality quality_of(const std::map<std::string, uint64_t>& words, const std::vector<std::pair<std::string, double>>& pieces) {
  std::map<std::string, double> scores(pieces.begin(), pieces.end());
  double sum = 0;
  for (const auto& [piece, score] : scores) sum += std::exp(score);
  Quality quality;
  for (const auto& [word, count] : words) {
    std::vector<size_t> ends;  // of characters
    for (size_t i = 0; i <= word.size(); i += i < word.size() ? utf8_length(word[i]) : 1) ends.push_back(i);
    UnigramLattice lattice;
    lattice.reset(static_cast<uint32_t>(ends.size() - 1));
    for (uint32_t i = 0; i + 1 < ends.size(); ++i) {
      for (uint32_t j = i + 1; j < ends.size(); ++j) {
        const auto found = scores.find(word.substr(ends[i], ends[j] - ends[i]));
        if (found != scores.end()) lattice.add(i, j, 0, found->second - std::log(sum), 0);
      }
    }
    const auto times = static_cast<double>(count);
    quality.log_likelihood += lattice.best_score() * times;
    lattice.best_way([&](uint32_t) { quality.tokens += times; });
  }
  return quality;
}

std::vector<WordCount> counted(const std::map<std::string, uint64_t>& words) {
  std::vector<WordCount> result;
  for (const auto& [word, count] : words) result.push_back({word, count});
  return result;
}

TEST(LearnUnigram, DescribesTheTextAsWellAsSentencePieceDoes) {
  const nlohmann::json expected = golden("unigram.json");
  const auto words = expected["words"].get<std::map<std::string, uint64_t>>();
  for (const auto& example : expected["cases"]) {
    const size_t size = example["vocab_size"];
    const TrainedUnigram trained = learn_unigram(counted(words), {}, {.vocab_size = size});
    ASSERT_EQ(trained.pieces.size(), size);
    const Quality ours = quality_of(words, trained.pieces);
    const Quality theirs = quality_of(words, example["pieces"].get<std::vector<std::pair<std::string, double>>>());
    EXPECT_GT(ours.log_likelihood, theirs.log_likelihood * 1.005) << "it is negative";
    EXPECT_LT(ours.tokens, theirs.tokens * 1.005);
  }
}

std::map<std::string, uint64_t> golden_words(uint64_t times) {
  auto words = golden("unigram.json")["words"].get<std::map<std::string, uint64_t>>();
  for (auto& [word, count] : words) count *= times;
  return words;
}

TEST(LearnUnigram, AsManyPiecesAsAskedForAreLearntWhileThereAreMore) {
  const std::vector<WordCount> words = counted(golden_words(1));
  for (size_t size = 165; size <= 265; size += 5) EXPECT_EQ(learn_unigram(words, {}, {.vocab_size = size}).pieces.size(), size);
}

TEST(LearnUnigram, EachStepOfExpectationMaximizationRaisesTheLikelihood) {
  const std::vector<WordCount> words = counted(golden_words(1'000'000));  // large counts: digamma is the logarithm, and no piece is dropped
  double before = -1e300;
  for (int steps = 1; steps <= 6; ++steps) {
    const double now = learn_unigram(words, {.sub_iterations = steps}, {.vocab_size = 100'000}).log_likelihood;
    EXPECT_GT(now, before) << steps;
    before = now;
  }
}

TEST(LearnUnigram, EveryCharacterStaysAPieceWhateverIsPruned) {
  const auto words = golden_words(1);
  std::vector<WordCount> all = counted(words);
  all.push_back({"▁seldomchars\U0001F40C", 1});
  const LearnOptions options{.vocab_size = 170, .initial_alphabet = U"žx"};
  const TrainedUnigram trained = learn_unigram(all, {}, options);
  std::map<std::string, double> pieces(trained.pieces.begin(), trained.pieces.end());
  EXPECT_EQ(pieces.size(), trained.pieces.size()) << "a piece twice";
  for (const char32_t c : choose_alphabet(all, options)) {
    std::string text;
    append_utf8(text, c);
    EXPECT_TRUE(pieces.contains(text)) << text;
  }
  EXPECT_TRUE(pieces.contains("ž"));
  EXPECT_EQ(trained.alphabet, choose_alphabet(all, options).size());
  EXPECT_TRUE(
      std::is_sorted(trained.pieces.begin(), trained.pieces.end(), [](const auto& a, const auto& b) { return a.second > b.second; }));
}

TEST(LearnUnigram, ResultIsTheSameOnAnyNumberOfThreads) {
  const std::vector<WordCount> words = counted(golden_words(3));
  const int threads = num_threads();
  set_num_threads(1);
  const TrainedUnigram one = learn_unigram(words, {}, {.vocab_size = 200});
  for (const int count : {2, 5}) {
    set_num_threads(count);
    const TrainedUnigram more = learn_unigram(words, {}, {.vocab_size = 200});
    EXPECT_EQ(more.pieces, one.pieces) << count << " threads; to the last bit";
    EXPECT_EQ(more.log_likelihood, one.log_likelihood);
  }
  set_num_threads(threads);
}

TEST(LearnUnigram, PiecesStayWithinAScriptAndHaveTheWordStartInFrontOnly) {
  const std::vector<WordCount> words{{"▁ab1", 50}, {"▁ab1▁ab1", 50}, {"▁abгд", 50}, {"▁漢かナー", 50}, {"special", 50}};
  const TrainedUnigram trained = learn_unigram(words, {}, {.vocab_size = 1000, .special_tokens = {"special"}});
  const std::map<std::string, double> pieces(trained.pieces.begin(), trained.pieces.end());
  EXPECT_TRUE(pieces.contains("▁ab"));
  EXPECT_TRUE(pieces.contains("▁漢かナー")) << "kana count as Han";
  for (const char* piece : {"▁ab1", "b1", "1▁ab", "▁abгд", "bг", "special"}) EXPECT_FALSE(pieces.contains(piece)) << piece;
}

TEST(LearnUnigram, AWordOfAMillionCharactersTakesLinearTime) {
  const std::vector<WordCount> words{{std::string(1'000'000, 'a'), 1}, {"ab", 2}};
  const TrainedUnigram trained = learn_unigram(words, {}, {.vocab_size = 10});
  EXPECT_GE(trained.pieces.size(), 2u);
  EXPECT_TRUE(std::isfinite(trained.log_likelihood));
}

}  // namespace
}  // namespace qkv
