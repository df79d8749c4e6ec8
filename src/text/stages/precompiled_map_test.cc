#include "text/stages/precompiled_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "text/files/test_files.h"

namespace qkv {
namespace {

using testing::HasSubstr;

std::string u32(uint32_t value) {
  std::string bytes;
  for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(value >> shift & 0xFF));
  return bytes;
}

std::string map_of(const std::vector<uint32_t>& units, const std::string& replacements) {
  std::string bytes = u32(static_cast<uint32_t>(units.size() * 4));
  for (const uint32_t unit : units) bytes += u32(unit);
  return bytes + replacements;
}

// A trie in which "a" has the value `place`. Its root's children are at 0x200 ^ byte, the value of "a" at (0x200 ^ 'a') ^ 1.
std::string map_of_a(uint32_t place, const std::string& replacements) {
  std::vector<uint32_t> units(0x300);
  units[0] = 0x200 << 10;
  units[0x200 ^ 'a'] = 'a' | 1u << 8 | 1u << 10;
  units[(0x200 ^ 'a') ^ 1] = 1u << 31 | place;
  return map_of(units, replacements);
}

TEST(PrecompiledMap, FindsWhatItsTrieHolds) {
  const PrecompiledMap map(map_of_a(2, std::string("x\0yz\0", 5)), "t");
  EXPECT_EQ(map.find("a"), "yz");
  EXPECT_EQ(map.find("ab"), "yz");
  EXPECT_EQ(map.find("b"), std::nullopt);
  EXPECT_EQ(map.find(""), std::nullopt);
  EXPECT_EQ(map.find(std::string_view("\0a", 2)), std::nullopt);
}

TEST(PrecompiledMap, PlacesOutOfRangeOrWithinACharacterCountAsNoKey) {
  EXPECT_EQ(PrecompiledMap(map_of_a(2, "xy"), "t").find("a"), "");  // the very end
  EXPECT_EQ(PrecompiledMap(map_of_a(3, "xy"), "t").find("a"), std::nullopt);
  EXPECT_EQ(PrecompiledMap(map_of_a(0x7FFFFFFF, "xy"), "t").find("a"), std::nullopt);
  EXPECT_EQ(PrecompiledMap(map_of_a(1, "\u00e9"), "t").find("a"), std::nullopt);
}

TEST(PrecompiledMap, RandomUnitsNeverReadOutOfRange) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<uint32_t> units(1 + random() % 600);
    for (uint32_t& unit : units) unit = random() % 4 == 0 ? static_cast<uint32_t>(random()) : (random() & 0x3FFFFu);
    const PrecompiledMap map(map_of(units, "abc"), "t");
    for (int byte = 1; byte < 256; ++byte) {
      const char text[] = {static_cast<char>(byte), static_cast<char>(random()), 'x'};
      map.find(std::string_view(text, 3));
    }
  }
}

TEST(PrecompiledMap, DamagedOnesAreRefusedInOneLine) {
  const auto error = [](const std::string& bytes) { return error_of([&] { PrecompiledMap(bytes, "t.json"); }); };
  const std::string whole = map_of_a(0, "x");
  EXPECT_EQ(error(whole), "(no error)");
  EXPECT_THAT(error(""), HasSubstr("t.json: the character map has 0 bytes"));
  EXPECT_THAT(error(u32(0)), HasSubstr("the trie's size is 0 bytes"));
  EXPECT_THAT(error(u32(6) + "abcdef"), HasSubstr("the trie's size is 6 bytes, not some units of 4"));
  EXPECT_THAT(error(whole.substr(0, 2000)), HasSubstr("the trie's size is 3072 bytes, but only 1996 follow"));
  EXPECT_THAT(error(whole + "\xFF"), HasSubstr("the replacements are not UTF-8"));
  EXPECT_THAT(error(whole + std::string(2000, 'x')), HasSubstr("a replacement has 2001 bytes, more than 1024"));
}

}  // namespace
}  // namespace qkv
