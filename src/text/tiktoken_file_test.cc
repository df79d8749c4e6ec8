#include "text/tiktoken_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/base64.h"
#include "text/test_files.h"
#include "text/tokenizer_parts.h"

namespace qkv {
namespace {

using testing::HasSubstr;

std::string bytes_alone() {
  std::string lines;
  for (int byte = 0; byte < 256; ++byte) lines += to_base64(std::string(1, static_cast<char>(byte))) + " " + std::to_string(byte) + "\n";
  return lines;
}

Tokenizer tokenizer(const std::string& lines, const std::string& file = "a.tiktoken") {
  return TokenizerAccess::from_json(tiktoken_to_json(lines, {}, file), "", file);
}
std::string message(const std::string& lines) {
  return error_of([&] { tokenizer(lines); });
}

TEST(TiktokenFile, WaysToMakeATokenAreOfEqualRankAndTheLeftmostIsTaken) {
  // "aa" then "aaa": of a|aa|a and aa|a|a the pair further left is joined, whichever of (a, aa) and (aa, a) it is.
  const Tokenizer made = tokenizer(bytes_alone() + to_base64("aa") + " 256\n" + to_base64("aaa") + " 257\n");
  EXPECT_EQ(made.encode("aaaa"), (std::vector<int32_t>{256, 256}));
  EXPECT_EQ(made.encode("aaaaa"), (std::vector<int32_t>{256, 257}));
}

TEST(TiktokenFile, WhatIsNoRankFileIsNamedWithItsLine) {
  EXPECT_TRUE(is_tiktoken("IQ== 0\n"));
  EXPECT_FALSE(is_tiktoken("{\"a\": 1}"));
  EXPECT_FALSE(is_tiktoken("[PAD]\n"));
  EXPECT_FALSE(is_tiktoken(""));
  EXPECT_THAT(message("IQ== 0\nIg== 1\nI?== 2\n"), HasSubstr("a.tiktoken: line 3 is not a token in base64"));
  EXPECT_THAT(message("IQ== 0\nIg==1\n"), HasSubstr("line 2 is not a token"));
  EXPECT_THAT(message("IQ== 0\nIg== -1\n"), HasSubstr("line 2 has the rank -1"));
  EXPECT_THAT(message("IQ== 0\nIg== 2000000000\n"), HasSubstr("line 2 has the rank 2000000000, which is out of range"));
  EXPECT_THAT(message("IQ== 0\nIg== 99999999999999999999\n"), HasSubstr("line 2 is not a token"));
  EXPECT_THAT(message("IQ== 0\nIg== 0\n"), HasSubstr("line 2 gives the rank 0 a second time"));
  EXPECT_THAT(message(bytes_alone() + "YQ== 256\n"), HasSubstr("the ranks 97 and 256 are of the same token"));
  EXPECT_THAT(message("IQ== 0\n"), HasSubstr("has no token for the single byte 0"));
  EXPECT_THAT(message(bytes_alone() + to_base64(std::string(100'000, 'a')) + " 256\n"), HasSubstr("line 257 has a token of 100000 bytes"));
}

TEST(TiktokenFile, SpecialTokensAreThoseOfTheEncodingThatTheFileIsNamedAfter) {
  const Tokenizer named = tokenizer(bytes_alone(), "dir/gpt2.tiktoken"), other = tokenizer(bytes_alone());
  EXPECT_EQ(named.encode("<|endoftext|>"), (std::vector<int32_t>{50256}));
  EXPECT_EQ(other.encode("<|endoftext|>").size(), 13u);
}

}  // namespace
}  // namespace qkv
