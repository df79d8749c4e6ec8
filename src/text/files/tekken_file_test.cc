#include "text/files/tekken_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/files/test_files.h"
#include "text/files/tokenizer_files.h"
#include "text/files/tokenizer_parts.h"

namespace qkv {
namespace {

using nlohmann::json;
using testing::HasSubstr;

json file_golden() {
  return json::parse(read_file(std::filesystem::path(QKV_SOURCE_DIR) / "tests" / "goldens" / "tokenizer_files" / "tekken.json"));
}

std::string message(const json& file) {
  return error_of([&] { read_tekken(file.dump(), "tekken.json"); });
}

TEST(TekkenFile, IdsAreThoseOfMistralsLibrary) {
  const json golden = file_golden();
  const TemporaryDirectory directory;
  directory.write("tekken.json", golden["file"].get<std::string>());
  const Tokenizer read = Tokenizer::load(directory.path());
  read.save(directory.path() / "saved");
  const Tokenizer again = Tokenizer::load(directory.path() / "saved");
  for (size_t i = 0; i < golden["texts"].size(); ++i) {
    const auto text = golden["texts"][i].get<std::string>();
    const auto ids = golden["ids"][i].get<std::vector<int32_t>>();
    EXPECT_EQ(read.encode(text), ids) << text;
    EXPECT_EQ(again.encode(text), ids) << text;
    EXPECT_EQ(read.decode(ids), text);
  }
  for (const auto& [id, name] : golden["special"].items()) EXPECT_EQ(read.id_to_token(std::stoi(id)), name.get<std::string>());
}

TEST(TekkenFile, SpecialTokensAreThoseOfTheFile) {
  json file = json::parse(file_golden()["file"].get<std::string>());
  file["special_tokens"] = {{{"rank", 0}, {"token_str", "<unk>"}, {"is_control", true}},
                            {{"rank", 1}, {"token_str", "<begin>"}, {"is_control", true}},
                            {{"rank", 7}, {"token_str", "[THINK]"}, {"is_control", false}}};
  const Tokenizer read = TokenizerAccess::from_files(files_of(read_tekken(file.dump(), "tekken.json"), "", "tekken.json"));
  EXPECT_EQ(read.encode("[THINK]"), (std::vector<int32_t>{7}));
  EXPECT_FALSE(read.is_special(7));
  EXPECT_EQ(read.id_to_token(2), "<SPECIAL_2>");
}

TEST(TekkenFile, WhatIsWrongIsNamedWithItsPlace) {
  const json good = json::parse(file_golden()["file"].get<std::string>());
  EXPECT_EQ(message(good), "(no error)");
  const auto with = [&](const char* pointer, const json& value) {
    json file = good;
    file[json::json_pointer(pointer)] = value;
    return message(file);
  };
  EXPECT_THAT(with("/config/default_vocab_size", 10'000'000), HasSubstr("tekken.json: config.default_vocab_size"));
  EXPECT_THAT(with("/config/default_vocab_size", 20), HasSubstr("config.default_vocab_size is 20; with 30 special tokens"));
  EXPECT_THAT(with("/config/default_num_special_tokens", -1), HasSubstr("config.default_num_special_tokens is out of range"));
  EXPECT_THAT(with("/config/pattern", 3), HasSubstr("config.pattern"));
  EXPECT_THAT(with("/vocab/300/token_bytes", "?"), HasSubstr("vocab[300].token_bytes is not a token in base64"));
  EXPECT_THAT(with("/vocab/300/rank", 299), HasSubstr("gives the rank 299 a second time"));
  EXPECT_THAT(with("/vocab/65/token_bytes", "AQE="), HasSubstr("has no token for the single byte"));
  EXPECT_THAT(with("/special_tokens", json::array({{{"rank", 30}, {"token_str", "x"}}})),
              HasSubstr("the special tokens are those of rank 0 to 29"));
  EXPECT_THAT(error_of([] { read_tekken("{\"config\": ", "tekken.json"); }), HasSubstr("tekken.json"));
}

}  // namespace
}  // namespace qkv
