#include "text/token_models/byte_trie.h"

#include <gtest/gtest.h>

#include <map>

#include "base/philox.h"
#include "text/files/test_files.h"

namespace qkv {
namespace {

// Strings of up to `length` bytes; few different bytes make long shared prefixes.
std::map<std::string, int32_t> random_keys(uint64_t seed, size_t count, size_t length, uint64_t bytes) {
  RandomStream random(seed);
  std::map<std::string, int32_t> keys;
  while (count-- > 0) {
    std::string key(1 + random.below(length), '\0');
    for (char& c : key) c = static_cast<char>(255 - random.below(bytes));
    keys.emplace(std::move(key), static_cast<int32_t>(random.below(ByteTrie::kMaxValue + 1)));
  }
  return keys;
}

ByteTrie make_trie(const std::map<std::string, int32_t>& keys) {
  std::vector<ByteTrie::Entry> entries;
  for (const auto& [key, value] : keys) entries.push_back({key, value});
  std::reverse(entries.begin(), entries.end());
  return ByteTrie(std::move(entries));
}

TEST(ByteTrie, FindsItsKeysAndNothingElse) {
  for (const uint64_t bytes : {1, 2, 5, 256}) {
    const auto keys = random_keys(bytes, 20'000, 12, bytes);
    const ByteTrie trie = make_trie(keys);
    for (const auto& [key, value] : keys) ASSERT_EQ(trie.find(key), value) << bytes;
    for (const auto& [key, value] : random_keys(bytes + 100, 20'000, 13, bytes)) {
      const auto found = keys.find(key);
      ASSERT_EQ(trie.find(key), found == keys.end() ? -1 : found->second) << bytes;
    }
    EXPECT_EQ(trie.find(""), -1);
  }
}

// Every byte from every node: a wrong place would be taken for a child.
TEST(ByteTrie, AStepLeadsOnlyToPrefixesOfKeys) {
  const auto keys = random_keys(7, 2'000, 4, 256);
  const ByteTrie trie = make_trie(keys);
  std::map<std::string, bool> prefixes;
  for (const auto& [key, value] : keys) {
    for (size_t size = 0; size <= key.size(); ++size) prefixes[key.substr(0, size)];
  }
  for (const auto& [prefix, unused] : prefixes) {
    for (int byte = 0; byte < 256; ++byte) {
      uint32_t node = trie.node_of(prefix);
      const std::string longer = prefix + static_cast<char>(byte);
      ASSERT_EQ(trie.step(node, static_cast<unsigned char>(byte)), prefixes.contains(longer));
    }
  }
  uint32_t nowhere = ByteTrie::kNowhere;
  for (int byte = 0; byte < 256; ++byte) {
    nowhere = ByteTrie::kNowhere;
    EXPECT_FALSE(trie.step(nowhere, static_cast<unsigned char>(byte)));
  }
}

TEST(ByteTrie, OfNothingFindsNothing) {
  const ByteTrie trie;
  EXPECT_EQ(trie.find("a"), -1);
  EXPECT_EQ(trie.find(""), -1);
  EXPECT_EQ(trie.node_of("a"), ByteTrie::kNowhere);
}

TEST(ByteTrie, WastesLittleRoom) {
  const auto keys = random_keys(3, 30'000, 10, 26);
  std::map<std::string, bool> prefixes;
  for (const auto& [key, value] : keys) {
    for (size_t size = 1; size <= key.size(); ++size) prefixes[key.substr(0, size)];
  }
  EXPECT_LT(make_trie(keys).places(), prefixes.size() + prefixes.size() / 10 + 5'000);
}

TEST(ByteTrie, RefusesWhatItCannotHold) {
  EXPECT_EQ(error_of([] { ByteTrie({{"", 1}}); }), "a token of 0 bytes; tokens of 1 to 65535 bytes are possible");
  const std::string longest(ByteTrie::kMaxKey, 'x');
  EXPECT_EQ(ByteTrie({{longest, 1}}).find(longest), 1);
  EXPECT_NE(error_of([&] { ByteTrie({{longest + "x", 1}}); }), "(no error)");
  EXPECT_NE(error_of([] { ByteTrie({{"a", ByteTrie::kMaxValue + 1}}); }), "(no error)");
}

}  // namespace
}  // namespace qkv
