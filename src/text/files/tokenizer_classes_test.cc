// Directories as the tokenizer classes of transformers read them: tools/golden/tokenizer_classes.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/base64.h"
#include "qkv/tokenizer.h"
#include "text/files/test_files.h"
#include "text/files/tokenizer_classes.h"
#include "text/stages/clean_up.h"

namespace qkv {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using Ids = std::vector<int32_t>;

const json& classes() {
  static const json golden =
      json::parse(read_file(std::filesystem::path(QKV_SOURCE_DIR) / "tests" / "goldens" / "tokenizer_files" / "classes.json"));
  return golden;
}

std::string content_of(const std::string& name) {
  const std::string content = classes()["files"][name];
  return name.ends_with(".model") ? *from_base64(content) : content;
}

class ClassDirectory : public testing::TestWithParam<std::string> {};

TEST_P(ClassDirectory, IsReadAsTransformersReadsIt) {
  const json& example = classes()["directories"][GetParam()];
  const TemporaryDirectory directory;
  for (const auto& [file, source] : example["copies"].items()) directory.write(file, content_of(source));
  for (const auto& [file, content] : example["files"].items()) directory.write(file, content.get<std::string>());
  const Tokenizer read = Tokenizer::load(directory.path());
  read.save(directory.path() / "saved");
  if (example["files"].contains("config.json"))  // the model's saving writes it
    write_file_atomically(directory.path() / "saved" / "config.json", example["files"]["config.json"].get<std::string>());
  const Tokenizer again = Tokenizer::load(directory.path() / "saved");
  std::vector<Ids> rows = example["decode"];
  for (const json& ids : example["ids"]) rows.push_back(ids);
  for (const Tokenizer* tokenizer : {&read, &again}) {
    const char* which = tokenizer == &read ? "read: " : "saved and read: ";
    for (size_t i = 0; i < example["texts"].size(); ++i) {
      EXPECT_EQ(tokenizer->encode(example["texts"][i].get<std::string>()), example["ids"][i].get<Ids>()) << which << example["texts"][i];
    }
    for (size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ(tokenizer->decode(rows[i], false), example["decoded"][i].get<std::string>()) << which << json(rows[i]);
      EXPECT_EQ(tokenizer->decode(rows[i]), example["decoded_plain"][i].get<std::string>()) << which << json(rows[i]);
    }
  }
}

std::vector<std::string> directory_names() {
  std::vector<std::string> names;
  for (const auto& [name, example] : classes()["directories"].items()) names.push_back(name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, ClassDirectory, testing::ValuesIn(directory_names()), [](const auto& info) { return info.param; });

TEST(TokenizerClass, TheKindOfModelDecidesWhereItsFilesAreReadAsTheyStand) {
  EXPECT_EQ(resolved_tokenizer_class("LlamaTokenizer", "mistral"), "TokenizersBackend");
  EXPECT_EQ(resolved_tokenizer_class("LlamaTokenizer", "llama"), "LlamaTokenizer");
  EXPECT_EQ(resolved_tokenizer_class("LlamaTokenizer", "qwen2"), "Qwen2Tokenizer");
  EXPECT_EQ(resolved_tokenizer_class("", "bart"), "RobertaTokenizer");
  EXPECT_EQ(resolved_tokenizer_class("", "llama"), "");
}

TEST(TokenizerClass, AModelFileWhoseIdsAClassMovesIsRefusedByName) {
  for (const char* name : {"PegasusTokenizer", "XLNetTokenizer", "BigBirdTokenizer", "SiglipTokenizer", "NllbTokenizer"}) {
    const TemporaryDirectory directory;
    directory.write("spiece.model", content_of("t5.model"));
    directory.write("tokenizer_config.json", json{{"tokenizer_class", name}}.dump());
    EXPECT_THAT(error_of([&] { Tokenizer::load(directory.path()); }), HasSubstr(std::string("the ids of a ") + name));
  }
}

TEST(TokenizerClass, ExtraIdsOutOfRangeAreRefused) {
  const TemporaryDirectory directory;
  directory.write("spiece.model", content_of("t5.model"));
  directory.write("tokenizer_config.json", R"({"tokenizer_class": "T5Tokenizer", "extra_ids": -1})");
  EXPECT_THAT(error_of([&] { Tokenizer::load(directory.path()); }), HasSubstr("extra_ids of tokenizer_config.json is -1"));
}

TEST(TokenizerClass, ALlamaTokenizerOfUnigramIsReadAsSentencePieceWithAWarning) {
  const TemporaryDirectory directory;
  directory.write("tokenizer.model", content_of("t5.model"));
  const Ids plain = Tokenizer::load(directory.path()).encode("Mann Frau");
  directory.write("tokenizer_config.json", R"({"tokenizer_class": "LlamaTokenizer"})");
  testing::internal::CaptureStderr();
  EXPECT_EQ(Tokenizer::load(directory.path()).encode("Mann Frau"), plain);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("this is a Unigram model"));
}

// Models were trained with the file's stages, which transformers 5 passes over for these classes.
TEST(TokenizerClass, ByteLevelStagesThatAreNotTheClasssAreFollowedWithAWarning) {
  const TemporaryDirectory directory;
  directory.write("tokenizer.json", content_of("gpt2_lower.json"));
  directory.write("tokenizer_config.json", R"({"tokenizer_class": "GPT2Tokenizer"})");
  testing::internal::CaptureStderr();
  EXPECT_EQ(Tokenizer::load(directory.path()).encode("AB"), (Ids{256}));
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("reads it as a GPT2Tokenizer, whose \"normalizer\" is another one"));
}

TEST(CleanUp, InPartsIsThatOfTheWhole) {
  const std::string_view letters = " .?!,'nmtsver a";
  uint32_t seed = 1;
  const auto next = [&](uint32_t below) {
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % below;
  };
  for (int round = 0; round < 2000; ++round) {
    std::string text, parts;
    CleanUpStream stream;
    for (int i = 0; i < 30; ++i) {
      std::string part;
      for (uint32_t k = next(4); k > 0; --k) part.push_back(letters[next(static_cast<uint32_t>(letters.size()))]);
      text += part;
      parts += stream.push(part);
    }
    EXPECT_EQ(parts + stream.finish(), clean_up(text)) << text;
  }
  EXPECT_EQ(clean_up("it 's a ' b ' c n't . ! ? , 'm 've 're"), "it's a'b'cn't.!?,'m've're");  // transformers' clean_up_tokenization
}

}  // namespace
}  // namespace qkv
