// Tokenizers whose files say more than one thing, against transformers, tokenizers and sentencepiece: tools/golden/tokenizer_beside.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/base64.h"
#include "qkv/tokenizer.h"
#include "text/files/test_files.h"
#include "text/files/tokenizer_parts.h"

namespace qkv {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using Ids = std::vector<int32_t>;

const json& beside() {
  static const json golden =
      json::parse(read_file(std::filesystem::path(QKV_SOURCE_DIR) / "tests" / "goldens" / "tokenizer_files" / "beside.json"));
  return golden;
}

std::string content_of(const std::string& name) {
  const std::string content = beside()["files"][name];
  return name.ends_with(".model") ? *from_base64(content) : content;
}

void write_case(const TemporaryDirectory& directory, const json& example) {
  for (const auto& [file, source] : example["copies"].items()) directory.write(file, content_of(source));
  for (const auto& [file, content] : example["files"].items()) directory.write(file, content.get<std::string>());
}

class Directory : public testing::TestWithParam<std::string> {};

TEST_P(Directory, IsReadAsTransformersReadsIt) {
  const json& example = beside()["directories"][GetParam()];
  const TemporaryDirectory directory;
  write_case(directory, example);
  const Tokenizer read = Tokenizer::load(directory.path());
  read.save(directory.path() / "saved");
  const Tokenizer again = Tokenizer::load(directory.path() / "saved");
  for (const Tokenizer* tokenizer : {&read, &again}) {
    const char* which = tokenizer == &read ? "read" : "saved and read";
    for (size_t i = 0; i < example["texts"].size(); ++i) {
      EXPECT_EQ(tokenizer->encode(example["texts"][i].get<std::string>()), example["ids"][i].get<Ids>()) << which << example["texts"][i];
    }
    for (size_t i = 0; i < example["decode"].size(); ++i) {
      const Ids ids = example["decode"][i];
      EXPECT_EQ(tokenizer->decode(ids, false), example["decoded"][i].get<std::string>()) << which << example["decode"][i];
      EXPECT_EQ(tokenizer->decode(ids), example["decoded_plain"][i].get<std::string>()) << which << example["decode"][i];
    }
  }
}

std::vector<std::string> directory_names() {
  std::vector<std::string> names;
  for (const auto& [name, example] : beside()["directories"].items()) names.push_back(name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, Directory, testing::ValuesIn(directory_names()), [](const auto& info) { return info.param; });

TEST(AddedTokens, ThatContradictEachOtherGetTheIdsOfTokenizers) {
  for (const json& example : beside()["added_tokens"]) {
    const Tokenizer tokenizer = TokenizerAccess::from_json(example["tokenizer"].dump(), "", "a");
    EXPECT_EQ(tokenizer.encode(beside()["text"].get<std::string>()), example["ids"].get<Ids>()) << example["tokenizer"]["added_tokens"];
    Ids special;
    for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
      if (tokenizer.is_special(id)) special.push_back(id);
    }
    EXPECT_EQ(special, example["special"].get<Ids>()) << example["tokenizer"]["added_tokens"];
  }
}

TEST(AddedTokens, AnIdFarBeyondTheVocabularyIsRefusedWithTheFileThatGivesIt) {
  const TemporaryDirectory directory;
  directory.write("tokenizer.json", content_of("gpt2.json"));
  directory.write("added_tokens.json", R"({"<x>": 2000000000})");
  EXPECT_THAT(error_of([&] { Tokenizer::load(directory.path()); }), HasSubstr("give \"<x>\" the id 2000000000, which is out of range"));
  directory.write("added_tokens.json", R"({"<x>": "1"})");
  EXPECT_THAT(error_of([&] { Tokenizer::load(directory.path()); }), HasSubstr("added_tokens.json: <x> must be an integer"));
}

// Its vocabulary is not built as a JSON value (json_slices.h), and is written as it was.
TEST(AddedTokens, OfALargeTokenizerJsonAreWrittenIntoItAndNothingElseChanges) {
  json document = json::parse(content_of("gpt2.json"));
  json& vocab = document["model"]["vocab"];
  for (int i = 0; i < 9'000; ++i) vocab.emplace(fmt::format("token \\ \"{}", i), static_cast<int>(vocab.size()));
  const auto size = static_cast<int32_t>(vocab.size());
  const TemporaryDirectory directory;
  directory.write("tokenizer.json", document.dump(1));
  directory.write("added_tokens.json", fmt::format(R"({{"<x>": {}}})", size));
  const Tokenizer tokenizer = Tokenizer::load(directory.path());
  EXPECT_EQ(tokenizer.encode("a<x>b"), (Ids{64, size, 65}));
  json changed = json::parse(TokenizerAccess::json(tokenizer));
  EXPECT_EQ(changed["added_tokens"].size(), 2u);
  changed["added_tokens"] = document["added_tokens"];
  EXPECT_EQ(changed, document);
}

TEST(PostProcessor, PlacesOfFirstTokensWithSeveralSpacesAreThoseOfTokenizers) {
  for (const json& example : beside()["offsets"]) {
    const Tokenizer tokenizer = TokenizerAccess::from_json(example["tokenizer"].dump(), "", "a");
    for (const json& each : example["cases"]) {
      std::vector<std::vector<size_t>> offsets;
      for (const auto& [begin, end] : tokenizer.encode_with_offsets(each["text"].get<std::string>()).offsets)
        offsets.push_back({begin, end});
      EXPECT_EQ(json(offsets), each["offsets"]) << each["text"];
    }
  }
}

// Must equal the generator in the script.
std::string random_text(uint32_t seed, int length, bool spaces) {
  const std::string_view letters = spaces ? "abcabca " : "abcabcab";
  std::string text;
  for (int i = 0; i < length; ++i) {
    seed = (seed * 1103515245u + 12345u) & 0x7FFFFFFFu;
    text.push_back(letters[seed >> 16 & 7]);
  }
  return text;
}

TEST(UnigramModel, SumsBeyondAHundredThousandAreMovedBackAsInSentencePiece) {
  const TemporaryDirectory directory;
  const Tokenizer tokenizer = Tokenizer::load(directory.write("a.model", content_of("ties.model")));
  for (const json& example : beside()["long_unigram"]) {
    const std::string text = random_text(example["seed"], example["length"], example["spaces"]);
    const auto hash = [](const Ids& ids) { return hash_of(fmt::format("{}", fmt::join(ids, " "))); };
    const Ids ids = tokenizer.encode(text);
    EXPECT_EQ(ids.size(), example["count"]);
    EXPECT_EQ(hash(ids), example["hash"]) << example;
    EXPECT_EQ(hash(tokenizer.encode_with_offsets(text).ids), example["hash"]) << "and with offsets";
  }
}

// --- special tokens as text

const EncodeOptions kAsText{.add_special_tokens = false, .special_tokens_as_text = true};

TEST(SpecialTokensAsText, AreWhatSentencePieceMakesOfThem) {
  const json models = json::parse(
      read_file(std::filesystem::path(QKV_SOURCE_DIR) / "tests" / "goldens" / "tokenizer_files" / "sentencepiece.json"))["models"];
  for (const char* name : {"bpe", "unigram", "unigram_bytes", "characters"}) {
    const TemporaryDirectory directory;
    directory.write("tokenizer.model", *from_base64(models[name]["model"].get<std::string>()));
    const Tokenizer plain = Tokenizer::load(directory.path());  // sentencepiece never finds control pieces
    directory.write("tokenizer_config.json", R"({"tokenizer_class": "LlamaTokenizer"})");
    const Tokenizer found = Tokenizer::load(directory.path());
    // A Unigram model as `tokenizers` has it: special tokens are pieces that its search could take.
    json document = json::parse(TokenizerAccess::json(found));
    document["model"].erase("sentencepiece");
    const Tokenizer converted = TokenizerAccess::from_json(document.dump(), "", name);
    for (const char* text : {"a</s>b", "<s>", "ein <unk> Mann</s>", "</s></s>", "<unk>"}) {
      EXPECT_EQ(found.encode(text, kAsText), plain.encode(text, false)) << name << ": " << text;
      EXPECT_NE(found.encode(text, false), plain.encode(text, false)) << name << ": " << text;
      for (const int32_t id : converted.encode(text, kAsText)) EXPECT_FALSE(converted.is_special(id) && id != 0) << name << ": " << text;
      EXPECT_EQ(converted.encode_with_offsets(text, kAsText).ids, converted.encode(text, kAsText)) << name << ": " << text;
      if (std::string(name) != "unigram") continue;
      EXPECT_EQ(converted.encode(text, kAsText), plain.encode(text, false)) << name << ": " << text;
    }
  }
}

TEST(SpecialTokensAsText, NoKindOfModelGivesOne) {
  const json special = json::parse(R"([{"id": 0, "content": "<s>", "special": true}, {"id": 1, "content": "<u>", "special": true}])");
  const auto tokenizer = [&](const json& model, const json& pre_tokenizer) {
    const json document = {{"version", "1.0"}, {"added_tokens", special}, {"pre_tokenizer", pre_tokenizer}, {"model", model}};
    return TokenizerAccess::from_json(document.dump(), "", "a");
  };
  const json vocab = json::parse(R"({"<s>": 0, "<u>": 1, "a": 2, "<": 3, "s": 4, ">": 5, "##s": 6, "##>": 7, "##a": 8, "<s": 9})");
  const json spaces = {{"type", "WhitespaceSplit"}};
  const Tokenizer words = tokenizer({{"type", "WordLevel"}, {"vocab", vocab}, {"unk_token", "<u>"}}, spaces);
  EXPECT_EQ(words.encode("a <s> a", kAsText), (Ids{2, 1, 2}));
  EXPECT_EQ(words.encode("a <s> a"), (Ids{2, 0, 2}));
  const Tokenizer pieces = tokenizer({{"type", "WordPiece"},
                                      {"vocab", vocab},
                                      {"unk_token", "<u>"},
                                      {"continuing_subword_prefix", "##"},
                                      {"max_input_chars_per_word", 100}},
                                     spaces);
  EXPECT_EQ(pieces.encode("a <s> <s>a", kAsText), (Ids{2, 9, 7, 9, 7, 8}));
  EXPECT_EQ(pieces.encode("a <s> a"), (Ids{2, 0, 2}));
  const json merges = json::parse(R"([["<", "s"], ["<s", ">"]])");
  const Tokenizer pairs = tokenizer({{"type", "BPE"}, {"vocab", vocab}, {"merges", merges}}, spaces);
  EXPECT_EQ(pairs.encode("a <s> a", kAsText), (Ids{2, 3, 4, 5, 2}));
  const Encoding encoding = pairs.encode_with_offsets("a <s>a", kAsText);
  EXPECT_EQ(encoding.ids, (Ids{2, 3, 4, 5, 2}));
  EXPECT_EQ(encoding.offsets[3], (ByteRange{4, 5}));
  EXPECT_EQ(pairs.encode_batch(std::vector<std::string_view>{"<s>"}, kAsText)[0], (Ids{3, 4, 5}));
  EXPECT_EQ(pairs.encode_sampled("<s>", {.dropout = 0}, 1, kAsText), (Ids{3, 4, 5}));
  EXPECT_EQ(pairs.encode("<s>"), (Ids{0})) << "and the cache remembers neither";
}

TEST(SpecialTokensAsText, NoFileOfAVocabularyGivesOne) {
  const json cases = json::parse(
      read_file(std::filesystem::path(QKV_SOURCE_DIR) / "tests" / "goldens" / "tokenizer_files" / "transformers.json"))["cases"];
  for (const auto& [name, expected] : cases.items()) {
    const TemporaryDirectory directory;
    for (const auto& [file, content] : expected["files"].items()) {
      const std::string text = content.get<std::string>();
      directory.write(file, file.ends_with(".spm") ? *from_base64(text) : text);
    }
    const Tokenizer tokenizer = Tokenizer::load(directory.path());
    for (int32_t special = 0; special < tokenizer.vocab_size(); ++special) {
      if (!tokenizer.is_special(special)) continue;
      const std::string text = "a" + tokenizer.id_to_token(special) + " b";
      for (const int32_t id : tokenizer.encode(text, kAsText)) {
        EXPECT_TRUE(!tokenizer.is_special(id) || id == tokenizer.unknown_id()) << name << ": " << text;
      }
    }
    if (name == "marian") EXPECT_EQ(tokenizer.encode(">>de<< Mann", kAsText), tokenizer.encode(">>de<< Mann", false));
  }
}

// A language's tag is one token of a training pair; "</s>" in a sentence is four characters.
TEST(SpecialTokensAsText, TagsWithoutARoleAreFoundWhereAskedFor) {
  const json added = json::parse(R"([{"id": 0, "content": "</s>", "special": true}, {"id": 1, "content": "<2de>", "special": true}])");
  const json vocab = json::parse(R"({"</s>": 0, "<2de>": 1, "a": 2, "<": 3, "s": 4, ">": 5, "/": 6, "2": 7, "d": 8, "e": 9, "?": 10})");
  const json model = {{"type", "BPE"}, {"vocab", vocab}, {"merges", json::array()}, {"unk_token", "?"}};
  const json document = {{"version", "1.0"}, {"added_tokens", added}, {"model", model}};
  for (const char* config : {R"({"eos_token": "</s>"})", R"({"eos_token": {"content": "</s>"}})", ""}) {
    const Tokenizer tokenizer = TokenizerAccess::from_json(document.dump(), config, "a");
    EXPECT_EQ(tokenizer.encode("<2de>a</s>", {.add_special_tokens = false, .special_tokens_as_text = true, .find_tags = true}),
              (Ids{1, 2, 3, 6, 4, 5}))
        << config;
    EXPECT_EQ(tokenizer.encode("<2de>a</s>", kAsText), (Ids{3, 7, 8, 9, 5, 2, 3, 6, 4, 5})) << config;
  }
}

TEST(SpecialTokensAsText, TheConfigurationsSplitSpecialTokensIsTheDefaultAndCanBeOverruled) {
  const TemporaryDirectory directory;
  directory.write("tokenizer.json", content_of("gpt2.json"));
  directory.write("tokenizer_config.json", R"({"split_special_tokens": true})");
  const Tokenizer tokenizer = Tokenizer::load(directory.path());
  EXPECT_EQ(tokenizer.encode("ab<|endoftext|>", {.special_tokens_as_text = false}), (Ids{256, 258}));
  EXPECT_GT(tokenizer.encode("ab<|endoftext|>").size(), 2u);
}

}  // namespace
}  // namespace qkv
