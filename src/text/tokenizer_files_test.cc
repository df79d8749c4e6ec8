#include "text/tokenizer_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "qkv/tokenizer.h"
#include "text/test_files.h"

namespace qkv {
namespace {

using testing::HasSubstr;

const char* kVocab = R"({"a": 0, "b": 1, "ab": 2})";

std::string message(const std::filesystem::path& path) {
  return error_of([&] { Tokenizer::load(path); });
}

TEST(TokenizerFiles, VocabularyAndMergesAreFoundTogetherByEitherName) {
  const TemporaryDirectory directory;
  directory.write("vocab.json", kVocab);
  directory.write("merges.txt", "#version: 0.2\r\na b\r\n\r\n");
  for (const char* name : {"", "vocab.json", "merges.txt"})
    EXPECT_EQ(Tokenizer::load(directory.path() / name).encode("ab"), std::vector<int32_t>{2});
}

TEST(TokenizerFiles, ATokenizerJsonComesBeforeOtherFiles) {
  const TemporaryDirectory directory;
  directory.write("vocab.json", "damaged");
  directory.write("merges.txt", "damaged");
  directory.write("tokenizer.json", R"({"version": "1.0", "model": {"type": "BPE", "vocab": {"x": 0}, "merges": []}})");
  EXPECT_EQ(Tokenizer::load(directory.path()).encode("x"), std::vector<int32_t>{0});
}

TEST(TokenizerFiles, WhatIsWrongInThemIsNamedWithItsPlace) {
  const TemporaryDirectory directory;
  const auto vocab = directory.write("vocab.json", kVocab);
  EXPECT_THAT(message(vocab), HasSubstr("merges.txt beside it, which is not there"));
  directory.write("merges.txt", "a b\na c\n");
  EXPECT_THAT(message(directory.path()), HasSubstr("merges.txt: line 2 joins \"c\", which is not in the vocabulary"));
  directory.write("merges.txt", "a b\nab\n");
  EXPECT_THAT(message(directory.path()), HasSubstr("merges.txt: line 2 is not two tokens"));
  directory.write("merges.txt", "b a\n");
  EXPECT_THAT(message(directory.path()), HasSubstr("joins \"ba\", which is not in the vocabulary"));
  directory.write("merges.txt", "a \xFF\n");
  EXPECT_THAT(message(directory.path()), HasSubstr("merges.txt: is not valid UTF-8"));
  directory.write("vocab.json", R"({"a": 0, "b": 3000000})");
  EXPECT_THAT(message(directory.path()), HasSubstr("vocab.json: gives \"b\" the id 3000000"));  // a node of the whole file has no name
  directory.write("tokenizer_config.json", R"({"add_bos_token": true, "bos_token": "<s>"})");
  directory.write("vocab.json", kVocab);
  directory.write("merges.txt", "a b\n");
  EXPECT_THAT(message(directory.path()), HasSubstr("has no token \"<s>\", which begins each text"));
  directory.write("tokenizer_config.json", R"({"added_tokens_decoder": {"x1": {"content": "c"}}})");
  EXPECT_THAT(message(directory.path()), HasSubstr("tokenizer_config.json: added_tokens_decoder.x1 is an id out of range"));
}

TEST(TokenizerFiles, AVocabTxtNeedsTheTokensAroundAText) {
  const TemporaryDirectory directory;
  const auto file = directory.write("vocab.txt", "[UNK]\n[CLS]\na\n##b\n");
  EXPECT_THAT(message(file), HasSubstr("vocab.txt: has no token \"[SEP]\""));
  directory.write("vocab.txt", "[UNK]\r\n[CLS]\r\na\r\n##b\r\n[SEP]\r\na\r\n");
  EXPECT_EQ(Tokenizer::load(file).encode("A AB"), (std::vector<int32_t>{1, 5, 5, 3, 4}));  // the last of two counts
  directory.write("vocab.txt", "[UNK]\n\xFF\n");
  EXPECT_THAT(message(file), HasSubstr("vocab.txt: token 1 is not valid UTF-8"));
  directory.write("vocab.txt", std::string(1'000'000, 'a'));
  EXPECT_THAT(message(file), HasSubstr("vocab.txt: token 0 has 1000000 bytes"));
}

TEST(TokenizerFiles, AFileOfNoKindIsRefusedByTheParserOfItsExtension) {
  const TemporaryDirectory directory;
  EXPECT_THAT(message(directory.write("a.model", "\x89PNG")), HasSubstr("a.model: not a SentencePiece model"));
  EXPECT_THAT(message(directory.write("a.gguf", "GGUX")), HasSubstr("a.gguf: not valid JSON"));
  EXPECT_THAT(message(directory.write("empty", "")), HasSubstr("empty: not valid JSON"));
}

}  // namespace
}  // namespace qkv
