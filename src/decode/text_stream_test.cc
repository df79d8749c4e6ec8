#include "decode/text_stream.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/philox.h"
#include "decode/translator.h"
#include "text/byte_fallback.h"
#include "text/tokenizer_parts.h"
#include "text/utf8.h"

namespace qkv {
namespace {

const std::filesystem::path kGoldens = std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens/tokenizer";

class Stream : public testing::TestWithParam<const char*> {
 protected:
  const nlohmann::json golden_ = nlohmann::json::parse(read_file(kGoldens / "pipelines" / (std::string(GetParam()) + ".json")));
  const Tokenizer tokenizer_ = TokenizerAccess::from_json(golden_["tokenizer"].dump(), "", GetParam());

  // What comes of the tokens one by one; every piece must be whole characters.
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
  for (const auto& row : golden_["ids_without_special_tokens"]) {
    const std::vector<int32_t> ids = row;
    TextStream stream(tokenizer_);
    EXPECT_EQ(streamed(stream, ids), tokenizer_.decode(ids));
    all.insert(all.end(), ids.begin(), ids.end());
  }
  TextStream stream(tokenizer_);
  EXPECT_EQ(streamed(stream, all), tokenizer_.decode(all)) << "a text of " << all.size() << " tokens";
}

TEST_P(Stream, GoesOnBehindAPromptOfAnyLength) {
  std::vector<int32_t> all;
  for (const auto& row : golden_["ids_without_special_tokens"]) {
    const std::vector<int32_t> ids = row;
    all.insert(all.end(), ids.begin(), ids.end());
  }
  for (const size_t length : {1, 2, 10, 63, 64, 65, 500}) {
    const auto before = std::span(all).first(length);
    const std::string prompt = tokenizer_.decode(before);
    if (prompt.ends_with("\uFFFD")) continue;  // no prompt ends within a character
    TextStream stream(tokenizer_, before);
    EXPECT_EQ(prompt + streamed(stream, std::span(all).subspan(length, 300)), tokenizer_.decode(std::span(all).first(length + 300)));
  }
}

// Tokens as an untrained network gives them. A run of <0xNN> that is no text is U+FFFD as a whole when it is decoded at once, whatever
// characters it began with; these have been shown by then, so there are none of these tokens.
TEST_P(Stream, OfRandomTokensIsTheirDecoding) {
  RandomStream random(4);
  std::vector<int32_t> ids;
  while (ids.size() < 2000) {
    const auto id = static_cast<int32_t>(random.below(static_cast<uint64_t>(tokenizer_.vocab_size())));
    if (byte_of_token(tokenizer_.id_to_token(id)) < 0) ids.push_back(id);
  }
  TextStream stream(tokenizer_);
  EXPECT_EQ(streamed(stream, ids), tokenizer_.decode(ids));
}

INSTANTIATE_TEST_SUITE_P(All, Stream, testing::Values("qkv", "llama", "gpt2", "roberta", "byte_pairs", "bytes", "characters"),
                         [](const auto& info) { return std::string(info.param); });

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
