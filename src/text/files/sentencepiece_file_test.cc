#include "text/files/sentencepiece_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "text/files/sentencepiece_json.h"
#include "text/files/test_files.h"

namespace qkv {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// A protocol buffer message in the making.
class Message {
 public:
  Message& integer(int field, uint64_t value) {
    varint(static_cast<uint64_t>(field) << 3);
    return varint(value);
  }
  Message& number(int field, float value) {
    varint(static_cast<uint64_t>(field) << 3 | 5);
    for (int i = 0; i < 4; ++i) bytes_.push_back(static_cast<char>(std::bit_cast<uint32_t>(value) >> (8 * i)));
    return *this;
  }
  Message& text(int field, std::string_view value) {
    varint(static_cast<uint64_t>(field) << 3 | 2);
    varint(value.size());
    bytes_.append(value);
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  Message& varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<char>(value | 0x80));
    bytes_.push_back(static_cast<char>(value));
    return *this;
  }
  std::string bytes_;
};

std::string piece(std::string_view text, float score, int type) {
  return Message().text(1, Message().text(1, text).number(2, score).integer(3, static_cast<uint64_t>(type)).bytes()).bytes();
}

const std::string kPieces =
    piece("<unk>", 0, 2) + piece("<s>", 0, 3) + piece("▁", -3, 1) + piece("a", -4, 1) + piece("b", -5, 1) + piece("ab", -1, 1);
const std::string kBpe = Message().text(2, Message().integer(3, 2).bytes()).bytes();

std::vector<int32_t> encode(const std::string& bytes, const std::string& text) {
  const std::string json = sentencepiece_to_json(parse_sentencepiece(bytes, "a.model"), {}, "a.model");
  return TokenizerAccess::from_json(json, "", "a.model").encode(text);
}
std::string message(const std::string& bytes) {
  return error_of([&] { encode(bytes, "ab"); });
}

TEST(SentencePieceFile, TheSmallExampleOfTheseTestsIsRight) {
  EXPECT_EQ(encode(kPieces + kBpe, "ab  c"), (std::vector<int32_t>{2, 5, 2, 0}));
  EXPECT_EQ(encode(kPieces, "ab a"), (std::vector<int32_t>{2, 5, 2, 3}));  // Unigram where the file does not say it
}

// The one merge that "ab" has is done with the probability 1 - dropout.
TEST(SentencePieceFile, MergesAreDroppedInSamples) {
  const std::string json = sentencepiece_to_json(parse_sentencepiece(kPieces + kBpe, "a.model"), {}, "a.model");
  const Tokenizer tokenizer = TokenizerAccess::from_json(json, "", "a.model");
  const std::vector<int32_t> whole{2, 5}, parts{2, 3, 4};
  int joined = 0;
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    const std::vector<int32_t> ids = tokenizer.encode_sampled("ab", {.dropout = 0.3}, seed);
    ASSERT_TRUE(ids == whole || ids == parts);
    joined += ids == whole;
  }
  EXPECT_NEAR(joined / 2000.0, 0.7, 5 * std::sqrt(0.3 * 0.7 / 2000));
  EXPECT_EQ(tokenizer.encode_sampled("ab", {.dropout = 1}, 1), parts);
  EXPECT_EQ(tokenizer.encode_sampled("ab", {}, 1), whole);
}

TEST(SentencePieceFile, FieldsThatAreNotKnownArePassedOver) {
  const std::string more = Message().integer(100, 1).number(101, 1).text(102, "x").bytes() + std::string("\xB9\x06") + "12345678";
  EXPECT_EQ(encode(more + kPieces + kBpe, "ab"), encode(kPieces + kBpe, "ab"));
}

TEST(SentencePieceFile, WhatCannotBeIsNamed) {
  EXPECT_THAT(message(""), HasSubstr("it has no pieces"));
  EXPECT_THAT(message(kPieces + piece("c", 0, 7)), HasSubstr("piece 6 is of the unknown type 7"));
  EXPECT_THAT(message(kPieces + piece("c", INFINITY, 1)), HasSubstr("piece 6 has a score that is not a number"));
  EXPECT_THAT(message(kPieces + piece("", 0, 1)), HasSubstr("piece 6 is empty"));
  EXPECT_THAT(message(kPieces + piece("a", 0, 1)), HasSubstr("pieces 3 and 6 are both \"a\""));
  EXPECT_THAT(message(kPieces + piece("\xE2\x96", 0, 1)), HasSubstr("token 6 is not valid UTF-8"));
  EXPECT_THAT(message(kPieces + piece("<unk2>", 0, 2)), HasSubstr("has 2 unknown pieces instead of one"));
  EXPECT_THAT(message(kPieces + piece("<0xZZ>", 0, 6)), HasSubstr("piece 6 \"<0xZZ>\" is said to be a byte"));
  EXPECT_THAT(message(kPieces + Message().text(2, Message().integer(35, 1).bytes()).bytes()), HasSubstr("has 0 of the 256 pieces"));
  EXPECT_THAT(message(kPieces + Message().text(2, Message().integer(3, 3).bytes()).bytes()), HasSubstr("whole words"));
  EXPECT_THAT(message(kPieces + Message().text(2, Message().integer(3, 9).bytes()).bytes()), HasSubstr("unknown kind 9"));
  EXPECT_THAT(message(kPieces + Message().text(3, Message().text(2, "abc").bytes()).bytes()), HasSubstr("character map"));
  EXPECT_THAT(message(kPieces + Message().integer(3, 1).bytes()), HasSubstr("field 3 at byte"));
  EXPECT_THAT(message(kPieces + Message().text(5, Message().text(2, "x").bytes()).bytes()), HasSubstr("denormalizer"));
  EXPECT_THAT(message(kPieces + piece(std::string(100'000'000, 'a'), 0, 1)), HasSubstr("token 6 has 100000000 bytes"));
}

TEST(SentencePieceFile, SizesAndNumbersBeyondTheFileAreRefused) {
  EXPECT_THAT(message("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"), HasSubstr("a field reaches beyond the end"));
  EXPECT_THAT(message("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"), HasSubstr("a number has more bytes than 10"));
  EXPECT_THAT(message(std::string("\x02\x00", 2)), HasSubstr("impossible number 0"));
  EXPECT_THAT(message("\x0B"), HasSubstr("unknown wire type 3"));
  EXPECT_THAT(message("\x0D\x01\x02"), HasSubstr("within a number of bytes 4"));
}

TEST(SentencePieceFile, PiecesThatJoinInFarTooManyWaysAreRefused) {
  std::string pieces = piece("<unk>", 0, 2);
  for (size_t i = 1; i < 3000; ++i) pieces += piece(std::string(i, 'a'), -static_cast<float>(i), 1);
  EXPECT_THAT(message(pieces + kBpe), HasSubstr("joined to each other in more ways"));
}

TEST(SentencePieceFile, AMissingByteOrATurnedBitNeverEndsTheProgram) {
  std::string bytes = kPieces + kBpe + Message().text(3, Message().integer(3, 1).integer(4, 0).bytes()).bytes();
  int loaded = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const std::string cut = message(bytes.substr(0, i));
    EXPECT_TRUE(cut == "(no error)" || cut.starts_with("a.model: ")) << cut;
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ 1 << bit);
      const std::string what = message(damaged);
      EXPECT_TRUE(what == "(no error)" || what.starts_with("a.model: ")) << what;
      EXPECT_EQ(what.find('\n'), std::string::npos);
      loaded += what == "(no error)";
    }
  }
  EXPECT_GT(loaded, 0);
}

}  // namespace
}  // namespace qkv
