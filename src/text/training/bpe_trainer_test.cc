#include "text/training/bpe_trainer.h"

#include <gtest/gtest.h>

#include "text/files/test_files.h"

namespace qkv {
namespace {

std::vector<std::vector<std::string>> merges_of(const TrainedBpe& trained) {
  std::vector<std::vector<std::string>> merges;
  for (const auto& [pair, result] : trained.merges) {
    const auto token = [&](int32_t id) { return trained.tokens[static_cast<size_t>(id)]; };
    EXPECT_EQ(token(pair.left) + token(pair.right), token(result));
    merges.push_back({token(pair.left), token(pair.right)});
  }
  return merges;
}

TEST(LearnBpe, TokensAndMergesEqualThoseOfTokenizersWithTies) {
  int number = 0;
  const nlohmann::json goldens = golden("merges.json");
  for (const auto& example : goldens["cases"]) {
    std::vector<WordCount> words;
    for (const auto& [word, count] : example["words"].items()) words.push_back({word, count});
    LearnOptions options;
    options.vocab_size = example["vocab_size"];
    options.min_frequency = example["min_frequency"];
    const TrainedBpe trained = learn_bpe(words, options);
    EXPECT_EQ(trained.tokens, example["tokens"].get<std::vector<std::string>>()) << "case " << number;
    EXPECT_EQ(merges_of(trained), example["merges"].get<std::vector<std::vector<std::string>>>()) << "case " << number;
    ++number;
  }
  EXPECT_EQ(number, 80);
}

TEST(LearnBpe, CountsBeyond32BitsDecide) {
  const std::vector<WordCount> words{{"ab", 5}, {"cd", uint64_t{1} << 40}, {"ef", (uint64_t{1} << 32) + 3}};
  EXPECT_EQ(merges_of(learn_bpe(words, {.vocab_size = 100})), (std::vector<std::vector<std::string>>{{"c", "d"}, {"e", "f"}, {"a", "b"}}));
}

TEST(LearnBpe, TextThatSpellsASpecialTokenMakesNoMergeToIt) {
  const std::vector<WordCount> words{{"</s>", 100}, {"</s>x", 3}};
  const TrainedBpe trained = learn_bpe(words, {.vocab_size = 1000, .special_tokens = {"</s>"}});
  EXPECT_EQ(trained.tokens[0], "</s>");
  for (const BpeMerge& merge : trained.merges) EXPECT_NE(merge.result, 0);
  EXPECT_EQ(std::count(trained.tokens.begin(), trained.tokens.end(), "</s>"), 1);
}

TEST(LearnBpe, ALimitedAlphabetKeepsTheMostFrequentCharacters) {
  const std::vector<WordCount> words{{"ab", 5}, {"zb", 9}, {"é", 7}, {"c", 5}};  // b 14, z 9, é 7, a 5, c 5
  const TrainedBpe trained = learn_bpe(words, {.vocab_size = 100, .limit_alphabet = 4});
  EXPECT_EQ(trained.alphabet, 4u);
  EXPECT_EQ(std::vector<std::string>(trained.tokens.begin(), trained.tokens.begin() + 4), (std::vector<std::string>{"a", "b", "z", "é"}));
}

TEST(LearnBpe, AWordOfAMillionCharactersDoesNotTakeQuadraticTime) {
  std::string word;
  uint64_t state = 1;
  for (int i = 0; i < 1'000'000; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    word.push_back(static_cast<char>('a' + (state >> 60)));
  }
  const std::vector<WordCount> words{{word, 1}};
  EXPECT_EQ(learn_bpe(words, {.vocab_size = 500}).tokens.size(), 500u);
}

}  // namespace
}  // namespace qkv
