#include "text/files/tokenizer_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "qkv/tokenizer.h"
#include "text/files/test_files.h"

namespace qkv {
namespace {

using testing::HasSubstr;
using testing::Not;

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

TEST(TokenizerFiles, AVocabSpmIsOpenedWhereThereIsNoOther) {
  const auto model = test_data("spm") / "test_model.model";
  if (!std::filesystem::exists(model)) GTEST_SKIP() << model << " is not there; set QKV_DATA";
  for (const char* name : {"vocab.spm", "other.spm"}) {
    const TemporaryDirectory directory;
    directory.write(name, read_file(model));
    EXPECT_EQ(Tokenizer::load(directory.path()).encode("I saw a girl"), Tokenizer::load(model).encode("I saw a girl"));
  }
}

TEST(TokenizerFiles, WhatIsNotEnoughForATokenizerIsNamed) {
  const TemporaryDirectory directory;
  directory.write("vocab.json", kVocab);
  EXPECT_THAT(message(directory.path()), HasSubstr("holds vocab.json but no merges.txt"));
  directory.write("source.spm", "");
  std::filesystem::remove(directory.path() / "vocab.json");
  EXPECT_THAT(message(directory.path()), HasSubstr("holds source.spm but no vocab.json"));
}

TEST(TokenizerFiles, AVocabularyOfRwkvIsCalledWhatItIs) {
  for (const char* line : {"1 '\\x00' 1", "257 \"'s\" 2", "4 b'\\xe2\\x80' 2"}) {
    const TemporaryDirectory directory;
    const auto file = directory.write("rwkv_vocab_v20230424.txt", std::string(line) + "\n");
    EXPECT_THAT(message(file), HasSubstr("is a vocabulary of RWKV"));
    EXPECT_THAT(message(directory.path()), HasSubstr("is a vocabulary of RWKV"));
  }
  const TemporaryDirectory directory;
  EXPECT_THAT(message(directory.write("vocab.txt", "1 'x'\n")), Not(HasSubstr("RWKV")));
}

TEST(TokenizerFiles, MessagesStayShortWhateverTheFileHas) {
  const std::string huge(3'000'000, 'x');
  const TemporaryDirectory directory;
  const auto file = directory.path() / "tokenizer.json";
  const auto model = [&](const std::string& members) { directory.write("tokenizer.json", "{\"model\": {" + members + "}}"); };
  for (const std::string& members :
       {R"("type": "BPE", "vocab": {"a": 0}, "merges": [[")" + huge + R"(", "a"]])", R"("type": "BPE", "vocab": {")" + huge + R"(": "a"})",
        "\"type\": \"" + huge + "\"", R"("type": "BPE", "vocab": {")" + huge + R"(": 0, "b": 0}, "merges": [])",
        R"("type": "WordLevel", "unk_token": "u", "vocab": {")" + huge + R"(": -1})", "\"" + huge + "\": 1, \"" + huge + "\": 2"}) {
    model(members);
    EXPECT_LT(message(file).size(), 600u);
    EXPECT_NE(message(file), "(no error)");
  }
  directory.write("tokenizer.json",
                  R"({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}, "normalizer": {"type": ")" + huge + "\"}}");
  EXPECT_LT(message(file).size(), 600u);
  directory.write("tokenizer_config.json", R"({"added_tokens_decoder": {")" + huge + R"(": {"content": "a"}}})");
  EXPECT_LT(message(directory.path()).size(), 600u);
}

TEST(TokenizerFiles, AFileOfNoKindIsRefusedByTheParserOfItsExtension) {
  const TemporaryDirectory directory;
  EXPECT_THAT(message(directory.write("a.model", "\x89PNG")), HasSubstr("a.model: not a SentencePiece model"));
  EXPECT_THAT(message(directory.write("a.gguf", "GGUX")), HasSubstr("a.gguf: not valid JSON"));
  EXPECT_THAT(message(directory.write("empty", "")), HasSubstr("empty: not valid JSON"));
}

}  // namespace
}  // namespace qkv
