#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/files/test_files.h"
#include "text/files/tokenizer_json.h"

namespace qkv {
namespace {

using nlohmann::json;
using testing::HasSubstr;

json small(const std::string& type) {
  if (type == "Unigram")
    return json::parse(R"({"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0], ["a", -1], ["ab", -1.5]], "byte_fallback": false})");
  json model = json::parse(R"({"type": "", "unk_token": "<unk>", "vocab": {"<unk>": 0, "a": 1, "ab": 2}})");
  model["type"] = type;
  if (type == "WordPiece") {
    model["continuing_subword_prefix"] = "##";
    model["max_input_chars_per_word"] = 100;
  }
  return model;
}

TokenizerParts parse(const json& model) { return parse_tokenizer_json(json{{"version", "1.0"}, {"model", model}}.dump(), "t.json"); }

struct Fault {
  const char* type;
  const char* pointer;  // what is replaced, a JSON pointer
  const char* value;    // by what; null: taken away
  const char* message;
};

std::ostream& operator<<(std::ostream& out, const Fault& fault) {
  return out << fault.type << " " << fault.pointer << " " << (fault.value ? fault.value : "missing");
}

class BadModel : public testing::TestWithParam<Fault> {};

TEST_P(BadModel, IsOneLineThatNamesThePlace) {
  const Fault& fault = GetParam();
  json model = small(fault.type);
  const json::json_pointer pointer(fault.pointer);
  if (fault.value) {
    model[pointer] = json::parse(fault.value);
  } else {
    model[pointer.parent_pointer()].erase(pointer.back());
  }
  ErrorCode code{};
  const std::string message = error_of([&] { parse(model); }, &code);
  EXPECT_THAT(message, testing::StartsWith("t.json: model"));
  EXPECT_THAT(message, HasSubstr(fault.message));
  EXPECT_EQ(message.find('\n'), std::string::npos);
  EXPECT_EQ(code, ErrorCode::bad_input);
}

INSTANTIATE_TEST_SUITE_P(
    All, BadModel,
    testing::Values(Fault{"WordPiece", "/unk_token", nullptr, "model has no \"unk_token\""},
                    Fault{"WordPiece", "/continuing_subword_prefix", nullptr, "model has no \"continuing_subword_prefix\""},
                    Fault{"WordPiece", "/continuing_subword_prefix", "null", "model.continuing_subword_prefix must be a string"},
                    Fault{"WordPiece", "/max_input_chars_per_word", nullptr, "model has no \"max_input_chars_per_word\""},
                    Fault{"WordPiece", "/max_input_chars_per_word", "-1", "model.max_input_chars_per_word must not be negative"},
                    Fault{"WordPiece", "/max_input_chars_per_word", "1e99", "model.max_input_chars_per_word must be an integer"},
                    Fault{"WordPiece", "/vocab/a", "2", "gives the id 2 to both \"a\" and \"ab\""},
                    Fault{"WordPiece", "/vocab/a", "-1", "gives \"a\" the id -1, which is out of range"},
                    Fault{"WordLevel", "/unk_token", nullptr, "model has no \"unk_token\""},
                    Fault{"WordLevel", "/vocab/a", "2000000000", "gives \"a\" the id 2000000000, which is out of range"},
                    Fault{"WordLevel", "/vocab", "[]", "model.vocab must be an object"},
                    Fault{"Unigram", "/vocab", nullptr, "model has no \"vocab\""},
                    Fault{"Unigram", "/vocab", "{}", "model.vocab must be an array of [token, score]"},
                    Fault{"Unigram", "/vocab/1", R"("a")", "model.vocab[1] must be a token and its score"},
                    Fault{"Unigram", "/vocab/1", R"(["a"])", "model.vocab[1] must be a token and its score"},
                    Fault{"Unigram", "/vocab/1", R"(["a", -1, 2])", "model.vocab[1] must be a token and its score"},
                    Fault{"Unigram", "/vocab/1", R"([1, -1])", "model.vocab[1] must be a token and its score"},
                    Fault{"Unigram", "/vocab/1/1", "null", "model.vocab[1] must be a token and its score"},
                    Fault{"Unigram", "/vocab/1/1", "-1e31", "model.vocab[1] gives \"a\" the score -1e+31, which is out of range"},
                    Fault{"Unigram", "/vocab/1/0", R"("ab")", "model.vocab[2] has the token \"ab\" a second time"},
                    Fault{"Unigram", "/unk_id", "3", "model.unk_id is 3, but the vocabulary has 3 tokens"},
                    Fault{"Unigram", "/unk_id", "-1", "model.unk_id is -1"},
                    Fault{"Unigram", "/unk_id", "0.5", "model.unk_id must be an integer"},
                    Fault{"Unigram", "/unk_id", "18446744073709551615", "model.unk_id must be an integer"},
                    Fault{"Unigram", "/byte_fallback", "1", "model.byte_fallback must be true or false"}));

TEST(TokenModelsJson, ATokenOfMegabytesIsRefusedWithAShortMessage) {
  const std::string token(5'000'000, 'x');
  json model = small("WordPiece");
  model["vocab"][token] = 3;
  std::string message = error_of([&] { parse(model); });
  EXPECT_THAT(message, HasSubstr("of 5000000 bytes; at most 65535 are possible"));
  EXPECT_LT(message.size(), 300u);
  model = small("Unigram");
  model["vocab"].push_back({token, -1});
  message = error_of([&] { parse(model); });
  EXPECT_THAT(message, HasSubstr("t.json: model.vocab[3] has the token \"xxx"));
  EXPECT_LT(message.size(), 300u);
}

TEST(TokenModelsJson, AScoreThatNoNumberHoldsIsRefused) {
  std::string text = json{{"model", small("Unigram")}}.dump();
  text.replace(text.find("-1.5"), 4, "-1e999");
  EXPECT_THAT(error_of([&] { parse_tokenizer_json(text, "t.json"); }), testing::StartsWith("t.json: "));
}

TEST(TokenModelsJson, AMissingByteOrATurnedBitNeverEndsTheProgram) {
  for (const char* type : {"WordPiece", "WordLevel", "Unigram"}) {
    const std::string text = json{{"version", "1.0"}, {"model", small(type)}}.dump();
    int loaded = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      for (const int bit : {0, 3, 5, 7}) {
        std::string damaged = text;
        damaged[i] = static_cast<char>(damaged[i] ^ 1 << bit);
        try {
          TokenizerAccess::from_json(damaged, "", "t.json").encode("abaé c");
          ++loaded;
        } catch (const Error&) {
        }
      }
    }
    EXPECT_GT(loaded, 0) << type;
  }
}

// Files from before tokenizers 0.10 do not name the kind.
TEST(TokenModelsJson, AModelWithoutATypeIsKnownByItsFields) {
  for (const char* type : {"WordPiece", "WordLevel", "Unigram"}) {
    json model = small(type);
    if (model["vocab"].is_array()) {
      model["vocab"].push_back({"##b", -3});
    } else {
      model["vocab"]["##b"] = 3;
    }
    const auto encode = [&] { return TokenizerAccess::from_json(json{{"model", model}}.dump(), "", "t.json").encode("abb"); };
    const std::vector<int32_t> ids = encode();
    model.erase("type");
    EXPECT_EQ(encode(), ids) << type;
  }
  EXPECT_THAT(error_of([] { parse(json{{"vocab", {{"a", 0}}}}); }), HasSubstr("t.json: model has no \"type\""));
}

TEST(TokenModelsJson, AnEmptyVocabularyKnowsNoText) {
  json model = small("Unigram");
  model["vocab"] = json::array();
  model["unk_id"] = nullptr;
  const TokenizerParts parts = parse(model);
  std::vector<int32_t> ids;
  EXPECT_THAT(error_of([&] { parts.model->tokenize("a", ids, nullptr); }), HasSubstr("has no unk_id"));
}

}  // namespace
}  // namespace qkv
