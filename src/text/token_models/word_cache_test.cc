#include "text/token_models/word_cache.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

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

TEST(WordCache, WordsThatDifferInOneByteAreTwo) {
  const WordCache cache;
  for (size_t size = 1; size <= WordCache::kMaxWord; ++size) {
    const std::string word(size, 'a');
    cache.keep(word, std::vector<int32_t>{static_cast<int32_t>(size)});
    std::vector<int32_t> ids;
    ASSERT_TRUE(cache.find(word, ids)) << size;
    ASSERT_EQ(ids, std::vector<int32_t>{static_cast<int32_t>(size)});
    for (size_t i = 0; i < size; ++i) {
      std::string other = word;
      other[i] = 'b';
      ASSERT_FALSE(cache.find(other, ids)) << size << " " << i;
    }
  }
}

TEST(WordCache, ThreadsThatWriteTheSameSlotsNeverGiveIdsOfAnotherWord) {
  const WordCache cache;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int32_t i = 0; i < 200'000; ++i) {
        const int32_t number = i % 70'000;  // more words than slots
        const std::string word = "some long word " + std::to_string(number);
        std::vector<int32_t> ids;
        if (cache.find(word, ids)) {
          ASSERT_EQ(ids, (std::vector<int32_t>{number, -number, number, 7 * number, 1}));
        } else {
          cache.keep(word, std::vector<int32_t>{number, -number, number, 7 * number, 1});
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace qkv
