#include "decode/text_stream.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/files.h"
#include "base/philox.h"
#include "base/utf8.h"
#include "decode/translator.h"
#include "formats/json.h"
#include "text/files/tokenizer_parts.h"

namespace qkv {
namespace {

const std::filesystem::path kGoldens = std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens/tokenizer";

std::vector<std::string> pipelines() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kGoldens / "pipelines")) names.push_back(entry.path().stem());
  std::sort(names.begin(), names.end());
  return names;
}

class Stream : public testing::TestWithParam<std::string> {
 protected:
  const nlohmann::json golden_ = nlohmann::json::parse(read_file(kGoldens / "pipelines" / (GetParam() + ".json")));
  const Tokenizer tokenizer_ = TokenizerAccess::from_json(golden_["tokenizer"].dump(), "", GetParam());

  std::vector<std::vector<int32_t>> texts() const {
    std::vector<std::vector<int32_t>> all;
    for (const auto& text : nlohmann::json::parse(read_file(kGoldens / "texts.json"))) {
      all.push_back(tokenizer_.encode(text.get<std::string>(), false));
    }
    return all;
  }

  // Pushes the tokens one by one and joins the results; each result must consist of whole characters.
  std::string streamed(TextStream& stream, std::span<const int32_t> ids) const {
    std::string all;
    for (const int32_t id : ids) {
      const std::string piece = stream.push(id);
      EXPECT_TRUE(is_valid_utf8(piece));
      all += piece;
    }
    return all + stream.finish();
  }
};

TEST_P(Stream, OfTextsIsTheirDecoding) {
  std::vector<int32_t> all;
  for (const std::vector<int32_t>& ids : texts()) {
    TextStream stream(tokenizer_);
    EXPECT_EQ(streamed(stream, ids), tokenizer_.decode(ids));
    all.insert(all.end(), ids.begin(), ids.end());
  }
  TextStream stream(tokenizer_);
  EXPECT_EQ(streamed(stream, all), tokenizer_.decode(all)) << "a text of " << all.size() << " tokens";
}

TEST_P(Stream, GoesOnBehindAPromptOfAnyLength) {
  std::vector<int32_t> all;
  for (const std::vector<int32_t>& ids : texts()) {
    all.insert(all.end(), ids.begin(), ids.end());
  }
  for (const size_t length : {1, 2, 10, 63, 64, 65, 500}) {
    const auto before = std::span(all).first(length);
    const std::string prompt = tokenizer_.decode(before);
    if (prompt.ends_with("\uFFFD")) continue;  // skip: a prompt must not end within a character
    if (!tokenizer_.decode(std::span(all).first(length + 1)).starts_with(prompt)) continue;  // skip: its text changes later
    TextStream stream(tokenizer_, before);
    EXPECT_EQ(prompt + streamed(stream, std::span(all).subspan(length, 300)), tokenizer_.decode(std::span(all).first(length + 300)));
  }
}

std::vector<int32_t> random_tokens(const Tokenizer& tokenizer, size_t count, uint64_t seed) {
  RandomStream random(seed);
  std::vector<int32_t> ids;
  while (ids.size() < count) ids.push_back(static_cast<int32_t>(random.below(static_cast<uint64_t>(tokenizer.vocab_size()))));
  return ids;
}

// Random tokens, as from an untrained network, including runs of <0xNN> that are invalid text.
TEST_P(Stream, OfRandomTokensIsTheirDecoding) {
  const std::vector<int32_t> ids = random_tokens(tokenizer_, 2000, 4);
  TextStream stream(tokenizer_);
  EXPECT_EQ(streamed(stream, ids), tokenizer_.decode(ids));
}

INSTANTIATE_TEST_SUITE_P(All, Stream, testing::ValuesIn(pipelines()), [](const auto& info) { return info.param; });

// Tests every kind of decoder on tokens that it treats specially.
class StreamDecoder : public testing::TestWithParam<const char*> {};

TEST_P(StreamDecoder, GivesWhatDecodingAtOnceGives) {
  nlohmann::json document = nlohmann::json::parse(read_file(kGoldens / "pipelines/words.json"))["tokenizer"];
  document["decoder"] = nlohmann::json::parse(GetParam());
  document["added_tokens"] = nlohmann::json::array();
  document["model"] = {{"type", "WordLevel"}, {"unk_token", "a"}, {"vocab", nlohmann::json::object()}};
  int id = 0;
  for (const char* token :
       {"a",      "##b",    "c</w>",  "\u2581d", "e\u2581\u2581", "\u2581", "<pad>",  "|",      "'s",           ".",  " n't", "<0xE4>",
        "<0xBD>", "<0xA0>", "<0x41>", "<0xFF>",  "\u00c4",        "\u00a9", "\u0120", "\u4f60", "\u00e2\u0124", "g h"}) {
    document["model"]["vocab"][token] = id++;
  }
  const Tokenizer tokenizer = TokenizerAccess::from_json(document.dump(), "", "t.json");
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const std::vector<int32_t> ids = random_tokens(tokenizer, seed < 40 ? seed : 500, seed);
    TextStream stream(tokenizer);
    std::string text;
    for (const int32_t each : ids) {
      const std::string piece = stream.push(each);
      ASSERT_TRUE(is_valid_utf8(piece));
      text += piece;
    }
    ASSERT_EQ(text + stream.finish(), tokenizer.decode(ids)) << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, StreamDecoder,
    testing::Values(R"(null)", R"({"type": "ByteLevel"})", R"({"type": "ByteFallback"})", R"({"type": "Fuse"})",
                    R"({"type": "WordPiece", "prefix": "##", "cleanup": true})",
                    R"({"type": "WordPiece", "prefix": "##", "cleanup": false})", R"({"type": "BPEDecoder", "suffix": "</w>"})",
                    R"({"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": true})",
                    R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true})",
                    R"({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": true})",
                    R"({"type": "Replace", "pattern": {"Regex": "[ae▁]"}, "content": " "})",
                    R"({"type": "Strip", "content": "a", "start": 1, "stop": 1})",
                    R"({"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                        {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]})"));

// transformers' "clean_up_tokenization_spaces" removes a space only once the following tokens are known.
TEST(TextStream, CleansSpacesUpAsDecodingAtOnceDoes) {
  nlohmann::json document = nlohmann::json::parse(read_file(kGoldens / "pipelines/words.json"))["tokenizer"];
  document["added_tokens"] = nlohmann::json::array();
  document["model"] = {{"type", "WordLevel"}, {"unk_token", "a"}, {"vocab", nlohmann::json::object()}};
  int id = 0;
  for (const char* token : {"a", "'", "n", "'t", "'s", "s", ".", "!", "n't", "v", "re", ",", "ä", " ", "n '"})
    document["model"]["vocab"][token] = id++;
  for (const char* decoder : {"null", R"({"type": "WordPiece", "prefix": "##", "cleanup": true})", R"({"type": "Fuse"})"}) {
    document["decoder"] = nlohmann::json::parse(decoder);
    const Tokenizer tokenizer = TokenizerAccess::from_json(document.dump(), R"({"clean_up_tokenization_spaces": true})", "t.json");
    for (uint64_t seed = 0; seed < 60; ++seed) {
      const std::vector<int32_t> ids = random_tokens(tokenizer, seed < 50 ? seed : 700, seed);
      TextStream stream(tokenizer);
      std::string text;
      for (const int32_t each : ids) text += stream.push(each);
      ASSERT_EQ(text + stream.finish(), tokenizer.decode(ids)) << seed;
    }
  }
  document["decoder"] = nullptr;
  const Tokenizer tokenizer = TokenizerAccess::from_json(document.dump(), R"({"clean_up_tokenization_spaces": true})", "t.json");
  EXPECT_EQ(tokenizer.decode(std::vector<int32_t>{0, 8, 11, 0, 6}), "an't, a.");
  TextStream stream(tokenizer, std::vector<int32_t>{0});
  EXPECT_EQ(stream.push(6) + stream.push(0) + stream.finish(), ". a");
}

TEST(TextStream, ShowsACharacterWithItsLastByteAndNoSooner) {
  const auto golden = nlohmann::json::parse(read_file(kGoldens / "pipelines/bytes.json"));
  const Tokenizer tokenizer = TokenizerAccess::from_json(golden["tokenizer"].dump(), "", "bytes");
  const std::vector<int32_t> ids = tokenizer.encode("aé日\U0001F40C");
  std::vector<std::string> pieces;
  TextStream stream(tokenizer);
  for (const int32_t id : ids) pieces.push_back(stream.push(id));
  EXPECT_EQ(pieces, (std::vector<std::string>{"a", "", "é", "", "", "日", "", "", "", "\U0001F40C"}));
  EXPECT_EQ(stream.push(ids[1]), "");
  EXPECT_EQ(stream.finish(), "\uFFFD") << "it never became a character";
}

}  // namespace
}  // namespace qkv
