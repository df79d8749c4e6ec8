// Tokenizer files of every kind against the libraries that they are of: tools/golden/tokenizer_files.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iterator>
#include <sstream>

#include "base/text_file.h"
#include "base/utf8.h"
#include "formats/base64.h"
#include "qkv/tokenizer.h"
#include "text/files/test_files.h"
#include "text/stages/byte_level.h"

namespace qkv {
namespace {

using nlohmann::json;
using Ids = std::vector<int32_t>;

json file_golden(const std::string& name) {
  return json::parse(read_file(std::filesystem::path(QKV_SOURCE_DIR) / "tests" / "goldens" / "tokenizer_files" / name));
}

std::vector<std::string> texts(const json& more = json::array()) {
  std::vector<std::string> all = file_golden("texts.json");
  for (const json& text : more) all.push_back(text);
  return all;
}

void expect_ids(const Tokenizer& tokenizer, const std::vector<std::string>& texts, const json& expected, bool special,
                const std::string& name) {
  ASSERT_EQ(expected.size(), texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    if (expected[i].is_null()) continue;
    ASSERT_EQ(tokenizer.encode(texts[i], special), expected[i].get<Ids>()) << name << ": \"" << texts[i] << '"';
  }
}

void expect_decoded(const Tokenizer& tokenizer, const json& ids, const json& decoded, const std::string& name) {
  for (size_t i = 0; i < ids.size(); ++i) {
    if (ids[i].is_null()) continue;
    ASSERT_EQ(tokenizer.decode(ids[i].get<Ids>()), decoded[i].get<std::string>()) << name << ": " << ids[i];
  }
}

// Saved as a tokenizer.json and read again it must be the same.
Tokenizer saved_and_read(const Tokenizer& tokenizer, const TemporaryDirectory& directory) {
  tokenizer.save(directory.path() / "saved");
  return Tokenizer::load(directory.path() / "saved");
}

TEST(SentencePieceFile, IdsAndTextAreThoseOfSentencePiece) {
  const json models = file_golden("sentencepiece.json")["models"];
  for (const auto& [name, model] : models.items()) {
    const TemporaryDirectory directory;
    const Tokenizer read = Tokenizer::load(directory.write("a.model", *from_base64(model["model"].get<std::string>())));
    const Tokenizer again = saved_and_read(read, directory);
    for (const Tokenizer* tokenizer : {&read, &again}) {
      expect_ids(*tokenizer, texts(), model["ids"], true, name);
      expect_decoded(*tokenizer, model["ids"], model["decoded"], name);
    }
  }
}

TEST(TiktokenFile, IdsAreThoseOfTiktokenForEachPattern) {
  const json golden = file_golden("tiktoken.json");
  const TemporaryDirectory directory;
  for (const auto& [name, ids] : golden["ids"].items()) {
    const Tokenizer read = Tokenizer::load(directory.write("a.tiktoken", golden["ranks"].get<std::string>()), {.tiktoken_pattern = name});
    const Tokenizer again = saved_and_read(read, directory);
    const std::vector<std::string> all = texts(golden["more_texts"]);
    for (const Tokenizer* tokenizer : {&read, &again}) expect_ids(*tokenizer, all, ids, true, name);
    for (const std::string& text : all) EXPECT_EQ(read.decode(read.encode(text)), text);
  }
}

TEST(TiktokenFile, IdsAreThoseOfTheClassesThatBringAPatternOfTheirOwn) {
  const std::string ranks = file_golden("tiktoken.json")["ranks"];
  const json golden = file_golden("tiktoken_families.json");
  const TemporaryDirectory directory;
  for (const auto& [name, ids] : golden["ids"].items()) {
    const Tokenizer read = Tokenizer::load(directory.write("a.tiktoken", ranks), {.tiktoken_pattern = name});
    for (size_t i = 0; i < ids.size(); ++i) {
      const auto text = golden["texts"][i].get<std::string>();
      EXPECT_EQ(read.encode(text), ids[i].get<std::vector<int32_t>>()) << name << ": " << text;
    }
  }
}

TEST(GgufVocabulary, TheTextBehindASpecialTokenOfLlamasBeginsWithASpace) {
  const std::filesystem::path file = test_data("vocab-conformance") / "llama-spm.gguf";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << file << " is not there; set QKV_DATA";
  EXPECT_EQ(Tokenizer::load(file).encode("Hello</s>World"), (std::vector<int32_t>{1, 15043, 2, 2787}));
}

TEST(VocabularyFiles, IdsAndTextAreThoseOfTransformers) {
  const json golden = file_golden("transformers.json");
  for (const auto& [name, expected] : golden["cases"].items()) {
    const TemporaryDirectory directory;
    for (const auto& [file, content] : expected["files"].items()) {
      const std::string text = content.get<std::string>();
      directory.write(file, file.ends_with(".spm") ? *from_base64(text) : text);
    }
    const Tokenizer read = Tokenizer::load(directory.path());
    const Tokenizer again = saved_and_read(read, directory);
    for (const Tokenizer* tokenizer : {&read, &again}) {
      expect_ids(*tokenizer, texts(golden["more_texts"]), expected["ids"], true, name);
      expect_decoded(*tokenizer, expected["ids"], expected["decoded"], name);
    }
  }
}

std::string hash_of_lines(const Tokenizer& tokenizer, const std::filesystem::path& file) {
  std::string all;
  std::vector<std::string> lines = read_lines(file);
  // The expected ids are those of lines as Python's "utf-8" reads them: with the byte-order mark.
  const std::string text = read_file(file);
  if (!lines.empty()) lines.front().insert(0, text, 0, byte_order_mark_size(text));
  for (const std::string& line : lines) {
    const Ids ids = tokenizer.encode(line, false);
    for (size_t i = 0; i < ids.size(); ++i) all.append(i > 0 ? " " : "").append(std::to_string(ids[i]));
    all.push_back('\n');
  }
  return hash_of(all);
}

TEST(SentencePieceFile, EveryLineOfTheDataHasTheIdsOfSentencePiece) {
  if (!std::filesystem::exists(test_data("spm"))) GTEST_SKIP() << test_data("spm") << " is not there; set QKV_DATA";
  const json golden = file_golden("data.json")["sentencepiece"];
  for (const auto& [model, files] : golden.items()) {
    const Tokenizer tokenizer = Tokenizer::load(test_data(model));
    for (const auto& [file, hash] : files.items()) EXPECT_EQ(hash_of_lines(tokenizer, test_data(file)), hash) << model << " " << file;
  }
}

// A rank file with the tokens of a vocab.json, whose letters stand for bytes.
std::string rank_lines(const json& vocab) {
  const std::u32string alphabet = byte_level_alphabet();
  std::string lines;
  for (const auto& [token, id] : vocab.items()) {
    if (token == "<|endoftext|>") continue;
    std::string bytes;
    for (size_t i = 0; i < token.size();) {
      const Character c = character_at(token, i);
      bytes.push_back(static_cast<char>(alphabet.find(c.code_point)));
      i += c.length;
    }
    lines += to_base64(bytes) + " " + std::to_string(id.get<int>()) + "\n";
  }
  return lines;
}

TEST(TiktokenFile, Gpt2sRanksGiveTheIdsOfTiktokenOnEveryLineOfTheData) {
  if (!std::filesystem::exists(test_data("gpt2"))) GTEST_SKIP() << test_data("gpt2") << " is not there; set QKV_DATA";
  const json golden = file_golden("data.json")["tiktoken"];
  const TemporaryDirectory directory;
  const std::string ranks = rank_lines(json::parse(read_file(test_data("gpt2") / "vocab.json")));
  for (const auto& [name, files] : golden.items()) {
    const Tokenizer tokenizer = Tokenizer::load(directory.write("a.tiktoken", ranks), {.tiktoken_pattern = name});
    for (const auto& [file, hash] : files.items()) EXPECT_EQ(hash_of_lines(tokenizer, test_data(file)), hash) << name << " " << file;
  }
}

struct Conformance {
  std::vector<std::string> texts;
  std::vector<Ids> ids;
};
Conformance conformance_set(const std::filesystem::path& gguf) {
  Conformance set;
  const std::string mark = "\n__ggml_vocab_test__\n", text = read_file(gguf.string() + ".inp");
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(mark, begin), text.size());
    set.texts.push_back(text.substr(begin, end - begin));
    begin = end + mark.size();
  }
  for (const std::string& line : read_lines(gguf.string() + ".out")) {
    std::istringstream in(line);
    set.ids.emplace_back(std::istream_iterator<int32_t>(in), std::istream_iterator<int32_t>());
  }
  return set;
}

TEST(GgufVocabulary, ConformanceSetsGetTheirExpectedIds) {
  const std::filesystem::path folder = test_data("vocab-conformance");
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is not there; set QKV_DATA";
  for (const char* name : {"bert-bge.gguf", "gpt-2.gguf", "llama-spm.gguf"}) {
    const Tokenizer tokenizer = Tokenizer::load(folder / name);
    const Conformance set = conformance_set(folder / name);
    ASSERT_EQ(set.texts.size(), 46u);
    ASSERT_EQ(set.ids.size(), 46u);
    for (size_t i = 0; i < set.texts.size(); ++i)
      EXPECT_EQ(tokenizer.encode(set.texts[i], false), set.ids[i]) << name << ": " << set.texts[i];
  }
}

TEST(GgufVocabulary, SpecialTokensAreWhereTheFileSaysIt) {
  const std::filesystem::path folder = test_data("vocab-conformance");
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is not there; set QKV_DATA";
  const Tokenizer llama = Tokenizer::load(folder / "llama-spm.gguf"), bert = Tokenizer::load(folder / "bert-bge.gguf");
  EXPECT_EQ(llama.encode("Hello"), (Ids{1, 15043}));
  EXPECT_EQ(llama.decode(Ids{1, 15043, 3186, 2}), "Hello world");
  EXPECT_EQ(llama.decode(Ids{1, 15043, 2, 2787}, false), "<s> Hello</s> World");
  EXPECT_EQ(bert.encode("hello world"), (Ids{101, 7592, 2088, 102}));
  EXPECT_EQ(bert.decode(bert.encode("unaffable")), "unaffable");
}

}  // namespace
}  // namespace qkv
