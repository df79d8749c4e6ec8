#include "text/files/tiktoken_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "formats/base64.h"
#include "text/files/test_files.h"
#include "text/files/tokenizer_files.h"
#include "text/files/tokenizer_parts.h"

namespace qkv {
namespace {

using testing::HasSubstr;

std::string bytes_alone() {
  std::string lines;
  for (int byte = 0; byte < 256; ++byte) lines += to_base64(std::string(1, static_cast<char>(byte))) + " " + std::to_string(byte) + "\n";
  return lines;
}

// A file of so many ranks: the bytes, then other strings.
std::string ranks(int count) {
  std::string lines = bytes_alone();
  for (int rank = 256; rank < count; ++rank) lines += to_base64("\xFF" + std::to_string(rank)) + " " + std::to_string(rank) + "\n";
  return lines;
}

Tokenizer tokenizer(const std::string& lines, const std::string& file = "a.tiktoken", const std::string& pattern = "") {
  return TokenizerAccess::from_files(files_of(read_tiktoken(lines, {}, file, pattern), "", file));
}
std::string message(const std::string& lines, const std::string& pattern = "") {
  return error_of([&] { tokenizer(lines, "a.tiktoken", pattern); });
}
std::string printed(const std::function<void()>& run) {
  testing::internal::CaptureStderr();
  run();
  return testing::internal::GetCapturedStderr();
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

TEST(TiktokenFile, TheNumberOfRanksTellsTheFamilyWhateverTheFilesName) {
  const auto id = [](int count, const std::string& token) {
    int32_t found = -1;
    EXPECT_EQ(printed([&] { found = tokenizer(ranks(count), "any").token_to_id(token); }), "") << count;
    return found;
  };
  EXPECT_EQ(id(50256, "<|endoftext|>"), 50256);
  EXPECT_EQ(id(100256, "<|endofprompt|>"), 100276);
  EXPECT_EQ(id(128000, "<|eot_id|>"), 128009);
  EXPECT_EQ(id(151643, "<|im_start|>"), 151644);
  EXPECT_EQ(id(248044, "<|audio_pad|>"), 248076);
  EXPECT_EQ(id(163584, "<|reserved_token_163839|>"), 163839);
  // openai-whisper 20250625, get_encoding("multilingual"): its last rank has no bytes.
  const Tokenizer whisper = tokenizer(ranks(50256) + "= 50256\n", "any");
  EXPECT_EQ(whisper.token_to_id("<|startoftranscript|>"), 50258);
  EXPECT_EQ(whisper.token_to_id("<|su|>"), 50357);
  EXPECT_EQ(whisper.token_to_id("<|30.00|>"), 51864);
  EXPECT_EQ(whisper.decode(std::vector<int32_t>{50259, 'a'}, false), "<|en|>a");
}

TEST(TiktokenFile, LineEndsAndAHoleDoNotMakeItAnotherFamilys) {
  std::string lines = ranks(50256);
  std::string crlf;
  for (const char c : lines) c == '\n' ? crlf += "\r\n" : crlf += c;
  const size_t hole = lines.find(" 300\n"), before = lines.rfind('\n', hole) + 1;
  const std::string with_hole = lines.substr(0, before) + lines.substr(hole + 5), cut = lines.substr(0, lines.size() - 1);
  for (const std::string& each : {lines, crlf, with_hole, cut}) {
    const Tokenizer read = tokenizer(each, "ranks");
    EXPECT_EQ(read.encode("<|endoftext|>"), (std::vector<int32_t>{50256}));
  }
}

TEST(TiktokenFile, AGuessIsSaid) {
  EXPECT_THAT(printed([] { tokenizer(bytes_alone(), "dir/some.tiktoken"); }),
              HasSubstr("dir/some.tiktoken: has 256 ranks, as no tokenizer that qkv knows"));
  EXPECT_THAT(printed([] { tokenizer(bytes_alone(), "dir/gpt2.tiktoken"); }),
              HasSubstr("is taken for one by its name; tiktoken_pattern names another"));
  EXPECT_EQ(printed([] { tokenizer(bytes_alone(), "some.tiktoken", "llama3"); }), "");
}

TEST(TiktokenFile, ThePatternMayBeNamedOrGiven) {
  EXPECT_EQ(tokenizer(bytes_alone() + "MTI= 256\nMTIz 257\nMTIzNA== 258\n", "a", "gpt2").encode("1234"), (std::vector<int32_t>{258}));
  EXPECT_EQ(tokenizer(bytes_alone() + "MTI= 256\nMTIz 257\nMTIzNA== 258\n", "a", "llama3").encode("1234"),
            (std::vector<int32_t>{257, '4'}));
  EXPECT_EQ(tokenizer(bytes_alone() + "MTI= 256\nMTIz 257\nMTIzNA== 258\n", "a", "qwen").encode("1234"),
            (std::vector<int32_t>{'1', '2', '3', '4'}));
  EXPECT_EQ(tokenizer(bytes_alone() + "MTI= 256\nMTIz 257\nMTIzNA== 258\n", "a", "[0-9]{2}|.").encode("1234"),
            (std::vector<int32_t>{256, '3', '4'}));
  EXPECT_THAT(message(bytes_alone(), "lama3"),
              HasSubstr("tiktoken_pattern lama3 is neither a regular expression nor one of gpt2, p50k_base"));
  EXPECT_THAT(message(bytes_alone(), "(a"), HasSubstr("the pattern \"(a\" is not a regular expression"));
}

TEST(TiktokenFile, TheClassBesideTheFileTellsTheFamily) {
  const TemporaryDirectory directory;
  directory.write("tokenizer_config.json", R"({"tokenizer_class": "QWenTokenizer"})");
  const std::filesystem::path file = directory.write("some.tiktoken", bytes_alone() + "w6k= 256\n");
  testing::internal::CaptureStderr();
  const Tokenizer qwen = Tokenizer::load(file);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(qwen.encode("<|im_start|>e\u0301"), (std::vector<int32_t>{258, 256}));  // NFC
  EXPECT_EQ(qwen.decode(std::vector<int32_t>{258, 'a'}, false), "<|im_start|>a");
}

TEST(TiktokenFile, TheOptionIsRefusedForOtherFiles) {
  const TemporaryDirectory directory;
  const std::filesystem::path file = directory.write("vocab.txt", "[UNK]\n[CLS]\n[SEP]\na\n");
  ErrorCode code{};
  EXPECT_THAT(error_of([&] { Tokenizer::load(file, {.tiktoken_pattern = "gpt2"}); }, &code),
              HasSubstr("tiktoken_pattern is for tiktoken's rank files"));
  EXPECT_EQ(code, ErrorCode::invalid_argument);
}

TEST(TiktokenFile, ItsTokenizerJsonIsTheSameTokenizer) {
  const std::string lines = bytes_alone() + to_base64("aa") + " 256\n" + to_base64("aaa") + " 257\n";
  const Tokenizer read = tokenizer(lines, "gpt2.tiktoken"), again = TokenizerAccess::from_json(TokenizerAccess::json(read), "", "t.json");
  for (const std::string text : {"aaaaa<|endoftext|>", "a aa  aaaa", ""}) EXPECT_EQ(read.encode(text), again.encode(text));
  EXPECT_EQ(read.vocab_size(), again.vocab_size());
}

}  // namespace
}  // namespace qkv
