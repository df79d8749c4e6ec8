#include "text/word_cache.h"

#include <gtest/gtest.h>

#include <string>

namespace qkv {
namespace {

TEST(WordCache, GivesBackWhatWasKeptAndNothingElse) {
  const WordCache cache;
  std::vector<int32_t> ids{9};
  EXPECT_FALSE(cache.find("word", ids));
  cache.keep("word", std::vector<int32_t>{1, 2});
  cache.keep(std::string(WordCache::kMaxWord + 1, 'x'), std::vector<int32_t>{3});
  cache.keep("many", std::vector<int32_t>(WordCache::kMaxIds + 1, 4));
  cache.keep("nothing", {});
  EXPECT_TRUE(cache.find("word", ids));
  EXPECT_TRUE(cache.find("nothing", ids));
  EXPECT_EQ(ids, (std::vector<int32_t>{9, 1, 2}));
  EXPECT_FALSE(cache.find(std::string(WordCache::kMaxWord + 1, 'x'), ids));
  EXPECT_FALSE(cache.find("many", ids));
  EXPECT_FALSE(cache.find("wor", ids));
}

TEST(WordCache, IsRightWhenFarMoreWordsComeThanItHolds) {
  const WordCache cache;
  int found = 0;
  for (int round = 0; round < 2; ++round) {
    for (int32_t i = 0; i < 100'000; ++i) {
      const std::string word = "word" + std::to_string(i);
      std::vector<int32_t> ids;
      if (cache.find(word, ids)) {
        ++found;
        ASSERT_EQ(ids, (std::vector<int32_t>{i, -i}));
      } else {
        cache.keep(word, std::vector<int32_t>{i, -i});
      }
    }
  }
  EXPECT_LT(found, 40'000);  // there are 32,768 slots
}

}  // namespace
}  // namespace qkv
