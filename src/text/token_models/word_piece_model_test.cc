#include "text/token_models/word_piece_model.h"

#include <gtest/gtest.h>

#include "base/philox.h"
#include "text/files/test_files.h"
#include "text/token_models/word_level_model.h"

namespace qkv {
namespace {

using Ids = std::vector<int32_t>;

struct Tokens {
  Ids ids;
  std::vector<Span> spans;
};

Tokens tokenize(const TokenModel& model, std::string_view word) {
  Tokens tokens;
  model.tokenize(word, tokens.ids, &tokens.spans);
  return tokens;
}

// The definition: the longest token at each place, found by trying all lengths.
Ids by_definition(const std::vector<std::string>& vocabulary, const std::string& word) {
  Ids ids;
  for (size_t begin = 0; begin < word.size();) {
    size_t size = word.size() - begin;
    auto found = vocabulary.end();
    for (; size > 0; --size) {
      found = std::find(vocabulary.begin(), vocabulary.end(), (begin > 0 ? "##" : "") + word.substr(begin, size));
      if (found != vocabulary.end()) break;
    }
    if (size == 0) return {0};
    ids.push_back(static_cast<int32_t>(found - vocabulary.begin()));
    begin += size;
  }
  return ids;
}

TEST(WordPieceModel, FollowsTheDefinitionOnRandomWords) {
  RandomStream random(5);
  const auto random_word = [&](size_t longest) {
    std::string word(1 + random.below(longest), ' ');
    for (char& c : word) c = static_cast<char>('a' + random.below(3));
    return word;
  };
  std::vector<std::string> vocabulary{"[UNK]", "##", "a", "b", "##a", "##b"};
  while (vocabulary.size() < 60) {
    const std::string token = (random.below(3) > 0 ? "##" : "") + random_word(5);
    if (std::find(vocabulary.begin(), vocabulary.end(), token) == vocabulary.end()) vocabulary.push_back(token);
  }
  const WordPieceModel model(Vocabulary(vocabulary), {});
  for (int i = 0; i < 2000; ++i) {
    const std::string word = random_word(20);
    const Tokens tokens = tokenize(model, word);
    ASSERT_EQ(tokens.ids, by_definition(vocabulary, word)) << word;
    ASSERT_EQ(tokens.spans.front().begin, 0u);
    ASSERT_EQ(tokens.spans.back().end, word.size());
  }
}

TEST(WordPieceModel, AWordThatIsTooLongIsUnknown) {
  const WordPieceModel model(Vocabulary({"[UNK]", "ä", "##ä"}), {.max_input_chars_per_word = 3});
  EXPECT_EQ(tokenize(model, "äää").ids, (Ids{1, 2, 2}));
  EXPECT_EQ(tokenize(model, "ääää").ids, (Ids{0}));
  EXPECT_EQ(tokenize(model, "ääää").spans, (std::vector<Span>{{0, 8}}));
}

TEST(WordPieceModel, WhatWasAppendedBeforeAnUnknownPartIsTakenBack) {
  const WordPieceModel model(Vocabulary({"[UNK]", "a", "##a"}), {});
  Tokens tokens{{7}, {{1, 2}}};
  model.tokenize("aab", tokens.ids, &tokens.spans);
  EXPECT_EQ(tokens.ids, (Ids{7, 0}));
  EXPECT_EQ(tokens.spans, (std::vector<Span>{{1, 2}, {0, 3}}));
}

TEST(WordPieceModel, AnUnkTokenThatIsMissingIsAnErrorOnlyWhereItIsNeeded) {
  const WordPieceModel model(Vocabulary({"a"}), {});
  EXPECT_EQ(tokenize(model, "a").ids, (Ids{0}));
  EXPECT_NE(error_of([&] { tokenize(model, "ab"); }).find("\"[UNK]\""), std::string::npos);
}

TEST(WordLevelModel, KnowsWholeWordsOnly) {
  const WordLevelModel model(Vocabulary({"<unk>", "ab", "a"}), "<unk>");
  EXPECT_EQ(tokenize(model, "ab").ids, (Ids{1}));
  EXPECT_EQ(tokenize(model, "abc").ids, (Ids{0}));
  EXPECT_EQ(tokenize(model, "abc").spans, (std::vector<Span>{{0, 3}}));
  EXPECT_NE(error_of([&] { tokenize(WordLevelModel(Vocabulary({"ab"}), "<unk>"), "c"); }).find("\"<unk>\""), std::string::npos);
}

}  // namespace
}  // namespace qkv
