#include "text/token_models/bpe_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "text/files/test_files.h"
#include "text/training/bpe_trainer.h"

namespace qkv {
namespace {

// A model over a to d whose merges are trained from random words, so that they overlap in all ways.
struct Example {
  std::vector<std::string> tokens;
  std::vector<BpeMerge> merges;
};

std::string random_word(uint64_t seed, size_t length, int letters) {
  std::string word;
  for (size_t i = 0; i < length; ++i) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    word.push_back(static_cast<char>('a' + (seed >> 33) % static_cast<uint64_t>(letters)));
  }
  return word;
}

Example make_example() {
  std::vector<WordCount> words;
  for (uint64_t i = 0; i < 200; ++i) words.push_back({random_word(i, 3 + i % 20, 2 + i % 3), 1 + i % 7});
  TrainedBpe trained = learn_bpe(words, {.vocab_size = 150});
  return {std::move(trained.tokens), std::move(trained.merges)};
}

BpeModel make_model(const Example& example, BpeOptions options = {}) {
  return {Vocabulary(example.tokens), example.merges, std::move(options)};
}

// The definition: the first merge in the order of learning that applies anywhere is done at its leftmost place, until none applies.
std::vector<int32_t> by_definition(const Example& example, const std::string& word) {
  std::vector<int32_t> ids;
  for (const char c : word) {
    ids.push_back(
        static_cast<int32_t>(std::find(example.tokens.begin(), example.tokens.end(), std::string(1, c)) - example.tokens.begin()));
  }
  for (bool again = true; again;) {
    again = false;
    for (const BpeMerge& merge : example.merges) {
      for (size_t i = 0; i + 1 < ids.size() && !again; ++i) {
        if (ids[i] != merge.pair.left || ids[i + 1] != merge.pair.right) continue;
        ids[i] = merge.result;
        ids.erase(ids.begin() + static_cast<ptrdiff_t>(i) + 1);
        again = true;
      }
      if (again) break;
    }
  }
  return ids;
}

TEST(BpeModel, ShortAndLongWordsFollowTheDefinition) {
  const Example example = make_example();
  const BpeModel model = make_model(example);
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const std::string word = random_word(seed + 1000, 1 + seed / 2, 2 + static_cast<int>(seed % 3));  // 1 to 150 characters
    std::vector<int32_t> ids;
    model.tokenize(word, ids, nullptr);
    ASSERT_EQ(ids, by_definition(example, word)) << word;
    model.tokenize(word, ids, nullptr);  // from the cache, where it was kept: appended
    ASSERT_EQ(ids.size(), 2 * by_definition(example, word).size()) << word;
    std::vector<int32_t> again;
    std::vector<Span> spans;
    model.tokenize(word, again, &spans);
    ASSERT_EQ(again, by_definition(example, word)) << word;
    ASSERT_EQ(spans.size(), again.size());
    size_t end = 0;
    for (size_t i = 0; i < again.size(); ++i) {
      ASSERT_EQ(spans[i].begin, end);
      end = spans[i].end;
      ASSERT_EQ(word.substr(spans[i].begin, end - spans[i].begin), example.tokens[static_cast<size_t>(again[i])]);
    }
    ASSERT_EQ(end, word.size());
  }
}

TEST(BpeModel, AWordOfMillionsOfCharactersIsEncoded) {
  const Example example = make_example();
  const BpeModel model = make_model(example);
  for (const int letters : {1, 4}) {
    const std::string word = random_word(7, 3'000'000, letters);
    std::vector<int32_t> ids;
    model.tokenize(word, ids, nullptr);
    std::string back;
    for (const int32_t id : ids) back += example.tokens[static_cast<size_t>(id)];
    EXPECT_EQ(back, word);
  }
}

// The definition again, for long words: all pairs in one ordered set.
std::vector<int32_t> by_ordered_set(const Example& example, const std::string& word) {
  std::map<TokenPair, size_t> ranks;
  for (size_t i = 0; i < example.merges.size(); ++i) ranks[example.merges[i].pair] = i;
  std::map<char, int32_t> letters;
  for (size_t id = 0; id < example.tokens.size(); ++id) {
    if (example.tokens[id].size() == 1) letters[example.tokens[id][0]] = static_cast<int32_t>(id);
  }
  std::map<size_t, int32_t> ids;  // by place
  for (size_t i = 0; i < word.size(); ++i) ids.emplace_hint(ids.end(), i, letters.at(word[i]));
  std::set<std::pair<size_t, size_t>> pairs;  // rank and place
  const auto change = [&](std::map<size_t, int32_t>::iterator left, bool add) {
    if (std::next(left) == ids.end()) return;
    const auto rank = ranks.find({left->second, std::next(left)->second});
    if (rank == ranks.end()) return;
    add ? void(pairs.insert({rank->second, left->first})) : void(pairs.erase({rank->second, left->first}));
  };
  for (auto i = ids.begin(); i != ids.end(); ++i) change(i, true);
  while (!pairs.empty()) {
    const auto [rank, place] = *pairs.begin();
    const auto left = ids.find(place);
    const auto neighbours = [&](bool add) {
      change(left, add);
      if (left != ids.begin()) change(std::prev(left), add);
    };
    change(std::next(left), false);
    neighbours(false);
    left->second = example.merges[rank].result;
    ids.erase(std::next(left));
    neighbours(true);
  }
  std::vector<int32_t> result;
  for (const auto& [place, id] : ids) result.push_back(id);
  return result;
}

// Words longer than a window; merges in the order of learning, and in others that no learning makes.
TEST(BpeModel, VeryLongWordsFollowTheDefinition) {
  Example example = make_example();
  std::mt19937_64 random(3);
  for (int round = 0; round < 6; ++round) {
    const BpeModel model = make_model(example);
    for (const int letters : {1, 2, 4}) {
      std::string word = random_word(static_cast<uint64_t>(round), 150'000, letters);
      if (round % 2 == 1) word.replace(60'000, 70'000, std::string(70'000, 'a'));
      std::vector<int32_t> ids, again;
      std::vector<Span> spans;
      model.tokenize(word, ids, nullptr);
      ASSERT_TRUE(ids == by_ordered_set(example, word)) << round << " " << letters;
      model.tokenize(word, again, &spans);
      ASSERT_TRUE(again == ids);
      size_t end = 0;
      for (size_t i = 0; i < ids.size(); ++i) {
        ASSERT_EQ(spans[i].begin, end);
        end = spans[i].end;
        ASSERT_EQ(word.substr(spans[i].begin, end - spans[i].begin), example.tokens[static_cast<size_t>(ids[i])]);
      }
      ASSERT_EQ(end, word.size());
    }
    std::shuffle(example.merges.begin(), example.merges.end(), random);
  }
}

TEST(BpeModel, ManyThreadsShareTheCache) {
  const Example example = make_example();
  const BpeModel model = make_model(example);
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (uint64_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (uint64_t i = 0; i < 3000; ++i) {
        const std::string word = random_word(i % 500 + thread / 2, 1 + i % 9, 4);
        std::vector<int32_t> ids;
        model.tokenize(word, ids, nullptr);
        std::string back;
        for (const int32_t id : ids) back += example.tokens[static_cast<size_t>(id)];
        wrong += back != word;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(BpeModel, AnUnkTokenThatIsMissingIsAnErrorOnlyWhereItIsNeeded) {
  const Example example = make_example();
  const BpeModel model = make_model(example, {.unk_token = "[UNK]"});
  std::vector<int32_t> ids;
  model.tokenize("ab", ids, nullptr);
  EXPECT_NE(error_of([&] { model.tokenize("aXb", ids, nullptr); }).find("\"[UNK]\""), std::string::npos);
}

}  // namespace
}  // namespace qkv
