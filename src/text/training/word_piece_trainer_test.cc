#include "text/training/word_piece_trainer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>

#include "base/utf8.h"
#include "text/files/test_files.h"

namespace qkv {
namespace {

LearnOptions options_of(size_t vocab_size, uint64_t min_frequency) {
  return {.vocab_size = vocab_size, .min_frequency = min_frequency, .continuing_prefix = "##"};
}

TEST(LearnWordPieces, ByFrequencyTokensEqualThoseOfTokenizersWithTies) {
  int number = 0;
  const nlohmann::json goldens = golden("word_pieces.json");
  for (const auto& example : goldens["cases"]) {
    std::vector<WordCount> words;
    for (const auto& [word, count] : example["words"].items()) words.push_back({word, count});
    LearnOptions options = options_of(example["vocab_size"], example["min_frequency"]);
    options.special_tokens = example["special_tokens"].get<std::vector<std::string>>();
    EXPECT_EQ(learn_word_pieces(words, WordPieceScore::frequency, options).tokens, example["tokens"].get<std::vector<std::string>>())
        << "case " << number;
    ++number;
  }
  EXPECT_EQ(number, 60);
}

// Every score from the corpus anew at every step.
class PlainTrainer {
 public:
  PlainTrainer(const std::vector<WordCount>& words, std::vector<std::string> tokens) : tokens_(std::move(tokens)) {
    for (const auto& [word, count] : words) {
      Cut cut{{}, count};
      for (size_t i = 0; i < word.size();) {
        const size_t length = utf8_length(word[i]);
        cut.pieces.push_back((i > 0 ? "##" : "") + word.substr(i, length));
        i += length;
      }
      corpus_.push_back(cut);
    }
  }

  std::vector<std::string> run(WordPieceScore score, size_t vocab_size, uint64_t min_frequency) {
    while (tokens_.size() < vocab_size && step(score, min_frequency)) {
    }
    return tokens_;
  }

 private:
  using Ids = std::pair<size_t, size_t>;
  struct Cut {
    std::vector<std::string> pieces;
    uint64_t count;
  };

  size_t id(const std::string& token) const {
    return static_cast<size_t>(std::find(tokens_.begin(), tokens_.end(), token) - tokens_.begin());
  }

  static double f(double c) { return c > 0 ? c * std::log(c) : 0; }

  bool step(WordPieceScore score, uint64_t min_frequency) {
    std::map<size_t, uint64_t> counts;
    std::map<Ids, uint64_t> pairs;
    double total = 0;
    for (const Cut& cut : corpus_) {
      for (size_t i = 0; i < cut.pieces.size(); ++i) {
        counts[id(cut.pieces[i])] += cut.count;
        total += static_cast<double>(cut.count);
        if (i > 0) pairs[{id(cut.pieces[i - 1]), id(cut.pieces[i])}] += cut.count;
      }
    }
    Ids best{};
    double best_score = 0;
    uint64_t best_count = 0;
    for (const auto& [pair, count] : pairs) {
      if (count < min_frequency) continue;
      const auto a = static_cast<double>(counts[pair.first]), b = static_cast<double>(counts[pair.second]);
      double value = static_cast<double>(count) / (a * b);
      if (score == WordPieceScore::gain) {
        const bool same = pair.first == pair.second;
        const auto n = static_cast<double>(same ? std::min(count, counts[pair.first] / 2) : count);
        if (n == 0) continue;
        value = f(n) + (same ? f(a - 2 * n) - f(a) : f(a - n) - f(a) + f(b - n) - f(b)) + f(total) - f(total - n);
      }
      const double tolerance = 1e-9 * std::abs(best_score);
      if (best_count == 0 || value > best_score + tolerance || (value > best_score - tolerance && count > best_count)) {
        best = pair;
        best_score = value;
        best_count = count;
      }
    }
    if (best_count == 0) return false;
    const std::string left = tokens_[best.first], right = tokens_[best.second], joined = left + right.substr(2);
    for (Cut& cut : corpus_) {
      for (size_t i = 0; i + 1 < cut.pieces.size(); ++i) {
        if (cut.pieces[i] != left || cut.pieces[i + 1] != right) continue;
        cut.pieces[i] = joined;
        cut.pieces.erase(cut.pieces.begin() + static_cast<long>(i) + 1);
      }
    }
    if (id(joined) == tokens_.size()) tokens_.push_back(joined);
    return true;
  }

  std::vector<Cut> corpus_;
  std::vector<std::string> tokens_;
};

TEST(LearnWordPieces, ByLikelihoodAndByGainTokensEqualThePlainDefinition) {
  std::mt19937 random(3);
  for (int round = 0; round < 120; ++round) {
    const std::string letters = std::vector<std::string>{"ab", "abc", "abcdefgh"}[random() % 3];
    std::map<std::string, uint64_t> counts;
    for (int i = 0, words = 1 + static_cast<int>(random() % 25); i < words; ++i) {
      std::string word;
      for (int length = 1 + static_cast<int>(random() % 12); length > 0; --length) word.push_back(letters[random() % letters.size()]);
      counts[word] = 1 + random() % (round % 2 ? 4 : 60);
    }
    std::vector<WordCount> words;
    for (const auto& [word, count] : counts) words.push_back({word, count});
    const size_t vocab_size = 5 + random() % 80;
    const uint64_t min_frequency = random() % 4;
    const LearnOptions options = options_of(vocab_size, min_frequency);
    LearnOptions characters_alone = options;
    characters_alone.vocab_size = 0;
    const std::vector<std::string> characters = learn_word_pieces(words, WordPieceScore::frequency, characters_alone).tokens;
    for (const WordPieceScore score : {WordPieceScore::likelihood, WordPieceScore::gain}) {
      EXPECT_EQ(learn_word_pieces(words, score, options).tokens, PlainTrainer(words, characters).run(score, vocab_size, min_frequency))
          << "round " << round << ", score " << static_cast<int>(score);
    }
  }
}

TEST(LearnWordPieces, TheScoresChooseDifferently) {
  // "qu" always stands together; "th" occurs more often, but so do t and h alone.
  const std::vector<WordCount> words{{"qu", 3}, {"th", 50}, {"ht", 40}, {"t", 30}, {"h", 30}};
  const size_t characters = 4 + 3;
  const auto first = [&](WordPieceScore score) {
    return learn_word_pieces(words, score, options_of(characters + 1, 2)).tokens.at(characters);
  };
  EXPECT_EQ(first(WordPieceScore::frequency), "th");
  EXPECT_EQ(first(WordPieceScore::gain), "th");
  EXPECT_EQ(first(WordPieceScore::likelihood), "qu");
}

TEST(LearnWordPieces, NoPieceIsASpecialTokenThatTheTextSpells) {
  LearnOptions options = options_of(100, 1);
  options.special_tokens = {"ab"};
  for (const WordPieceScore score : {WordPieceScore::likelihood, WordPieceScore::gain, WordPieceScore::frequency}) {
    const std::vector<std::string> tokens = learn_word_pieces(std::vector<WordCount>{{"abc", 9}, {"ab", 9}}, score, options).tokens;
    EXPECT_EQ(std::count(tokens.begin(), tokens.end(), "ab"), 1);
    EXPECT_EQ(std::count(tokens.begin(), tokens.end(), "abc"), 1) << "by a and ##bc";
  }
}

TEST(LearnWordPieces, ALongWordAndALargeAlphabetDoNotTakeQuadraticTime) {
  std::string word, starts;
  uint64_t state = 1;
  for (int i = 0; i < 300'000; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    word.push_back(static_cast<char>('a' + (state >> 60)));
    append_utf8(starts, 'e');
    append_utf8(starts, static_cast<char32_t>(0x4E00 + i % 4000));
  }
  const std::vector<WordCount> words{{word, 1}, {starts, 1}};
  for (const WordPieceScore score : {WordPieceScore::likelihood, WordPieceScore::gain}) {
    EXPECT_EQ(learn_word_pieces(words, score, options_of(9000, 2)).tokens.size(), 9000u);
  }
}

}  // namespace
}  // namespace qkv
