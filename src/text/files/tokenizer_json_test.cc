#include "text/files/tokenizer_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/files/test_files.h"

namespace qkv {
namespace {

using nlohmann::json;
using testing::HasSubstr;

// A small tokenizer.json that is right.
json small() {
  return json::parse(R"({
    "version": "1.0", "truncation": null, "padding": null,
    "added_tokens": [{"id": 0, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}],
    "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Lowercase"}]},
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true}]},
    "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
      "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}},
    "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true},
    "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": false,
      "byte_fallback": false, "vocab": {"<s>": 0, "a": 1, "b": 2, "▁": 3, "ab": 4}, "merges": [["a", "b"]]}
  })");
}

std::vector<int32_t> encode(const json& document, const std::string& text) {
  return TokenizerAccess::from_json(document.dump(), "", "t.json").encode(text);
}

struct Fault {
  const char* pointer;  // what is replaced, a JSON pointer
  const char* value;    // by what; null: taken away
  const char* message;
  ErrorCode code = ErrorCode::bad_input;
};

std::ostream& operator<<(std::ostream& out, const Fault& fault) {
  return out << fault.pointer << " " << (fault.value ? fault.value : "missing");
}

class BadFile : public testing::TestWithParam<Fault> {};

TEST_P(BadFile, IsOneLineThatNamesThePlace) {
  const Fault& fault = GetParam();
  json document = small();
  const json::json_pointer pointer(fault.pointer);
  if (fault.value) {
    document[pointer] = json::parse(fault.value);
  } else {
    document[pointer.parent_pointer()].erase(pointer.back());
  }
  ErrorCode code{};
  const std::string message = error_of([&] { encode(document, "ab"); }, &code);
  EXPECT_THAT(message, testing::StartsWith("t.json: "));
  EXPECT_THAT(message, HasSubstr(fault.message));
  EXPECT_EQ(message.find('\n'), std::string::npos);
  EXPECT_EQ(code, fault.code);
}

constexpr ErrorCode kUnsupported = ErrorCode::unsupported;
INSTANTIATE_TEST_SUITE_P(
    All, BadFile,
    testing::Values(
        Fault{"/model", nullptr, "not a tokenizer.json"}, Fault{"/model", "3", "model must be an object"},
        Fault{"/model/type", R"("WordSalad")", "model is of the kind \"WordSalad\"", kUnsupported},
        Fault{"/version", R"("2.0")", "version is \"2.0\"", kUnsupported},
        Fault{"/model/dropout", "1.1", "model.dropout must be a number from 0 to 1"},
        Fault{"/model/vocab", nullptr, "model has no \"vocab\""}, Fault{"/model/vocab", "[]", "model.vocab must be an object"},
        Fault{"/model/vocab/a", "-1", "model.vocab gives \"a\" the id -1, which is out of range"},
        Fault{"/model/vocab/a", "1e9", "gives \"a\" an id that is not an integer"},
        Fault{"/model/vocab/a", "2000000000", "gives \"a\" the id 2000000000, which is out of range"},
        Fault{"/model/vocab/a", "18446744073709551615", "gives \"a\" the id 18446744073709551615, which is out of range"},
        Fault{"/model/vocab/a", "2", "gives the id 2 to both \"a\" and \"b\""},
        Fault{"/model/vocab/ab", nullptr, "model.merges[0] joins \"ab\", which is not in the vocabulary"},
        Fault{"/model/merges", nullptr, "model has no \"merges\""}, Fault{"/model/merges", "{}", "model.merges must be an array"},
        Fault{"/model/merges/0", R"("a c")", "model.merges[0] joins \"c\", which is not in the vocabulary"},
        Fault{"/model/merges/0", R"("ab")", "model.merges[0] must be two tokens"},
        Fault{"/model/merges/0", R"("a b b")", "model.merges[0] must be two tokens"},
        Fault{"/model/merges/0", R"(["a", "b", "b"])", "model.merges[0] must be two tokens"},
        Fault{"/model/merges/0", R"(["a", 1])", "model.merges[0] must be two tokens"},
        Fault{"/model/fuse_unk", "1", "model.fuse_unk must be true or false"},
        Fault{"/model/unk_token", "1", "model.unk_token must be a string"}, Fault{"/added_tokens", "{}", "added_tokens must be an array"},
        Fault{"/added_tokens/0/id", "-5", "added_tokens[0].id is out of range"},
        Fault{"/added_tokens/0", R"({"id": 2000000000, "content": "new"})", "id 2000000000, which is out of range"},
        Fault{"/added_tokens/0", R"("<s>")", "added_tokens[0] must be an object"},
        Fault{"/normalizer/normalizers/1/type", R"("Magic")", "normalizer.normalizers[1] is a normalizer of the kind \"Magic\"",
              kUnsupported},
        Fault{"/normalizer/normalizers/1", "7", "normalizer.normalizers[1] must be an object"},
        Fault{"/normalizer/normalizers/1", R"({"type": "Replace", "pattern": {"Regex": "(a"}, "content": ""})",
              "the pattern \"(a\" is not a regular expression"},
        Fault{"/normalizer/normalizers/1", R"({"type": "Replace", "pattern": {"Regex": "[a[b]"}, "content": ""})",
              "is not a regular expression (premature end of char-class)"},
        Fault{"/pre_tokenizer/pretokenizers/0/prepend_scheme", R"("often")",
              "pre_tokenizer.pretokenizers[0].prepend_scheme must be \"first\""},
        Fault{"/pre_tokenizer/pretokenizers/0/replacement", R"("ab")", "replacement must be one character"},
        Fault{"/pre_tokenizer/pretokenizers/0/type", R"("Magic")", "is a pre-tokenizer of the kind \"Magic\"", kUnsupported},
        Fault{"/pre_tokenizer", R"({"type": "Punctuation", "behavior": "Sometimes"})", "pre_tokenizer.behavior must be \"Removed\""},
        Fault{"/pre_tokenizer", R"({"type": "FixedLength", "length": 0})", "pre_tokenizer.length must be at least 1"},
        Fault{"/pre_tokenizer", R"({"type": "CharDelimiterSplit", "delimiter": "ab"})", "pre_tokenizer.delimiter must be one character"},
        Fault{"/normalizer", R"({"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true})", "has no \"lowercase\""},
        Fault{"/normalizer", R"({"type": "Precompiled", "precompiled_charsmap": "AAA"})", "precompiled_charsmap is not base64"},
        Fault{"/normalizer", R"({"type": "Precompiled", "precompiled_charsmap": "AA?A"})", "precompiled_charsmap is not base64"},
        Fault{"/normalizer", R"({"type": "Precompiled", "precompiled_charsmap": "AAAA"})", "too few for its trie's size"},
        Fault{"/normalizer", R"({"type": "Precompiled", "precompiled_charsmap": "EAAAAAAA"})",
              "the trie's size is 16 bytes, but only 2 follow"},
        Fault{"/decoder/type", R"("Magic")", "decoder is a decoder of the kind \"Magic\"", kUnsupported},
        Fault{"/decoder", R"({"type": "Strip", "content": " ", "start": -1, "stop": 0})", "decoder.start must not be negative"},
        Fault{"/post_processor/special_tokens/<s>/ids/0", "5",
              "post_processor.special_tokens.<s>.ids[0] is 5, but there are only ids below 5"},
        Fault{"/post_processor/special_tokens/<s>", nullptr, "post_processor.special_tokens has no \"<s>\""},
        Fault{"/post_processor/single", "[]", "must hold the text A once", kUnsupported},
        Fault{"/post_processor/single/1", R"({"Sequence": {"id": "C", "type_id": 0}})", "must be \"A\" or \"B\""},
        Fault{"/post_processor/single/1", R"({"Sequence": {"id": "A", "type_id": -1}})", "type_id is out of range"},
        Fault{"/post_processor/pair", R"([{"Sequence": {"id": "A", "type_id": 0}}])", "must hold the texts A and B once each",
              kUnsupported},
        Fault{"/post_processor/type", R"("Magic")", "is a post-processor of the kind \"Magic\"", kUnsupported}));

TEST(TokenizerJson, TheSmallExampleOfTheseTestsIsRight) { EXPECT_EQ(encode(small(), "AB a"), (std::vector<int32_t>{0, 3, 4, 3, 1})); }

TEST(TokenizerJson, EveryPrefixOfAFileIsRefused) {
  const std::string text = small().dump(2);
  for (size_t size = 0; size + 1 < text.size(); ++size) {
    ErrorCode code{};
    const std::string message = error_of([&] { parse_tokenizer_json(text.substr(0, size), "t.json"); }, &code);
    ASSERT_THAT(message, testing::StartsWith("t.json: not valid JSON at line ")) << size;
    ASSERT_EQ(code, ErrorCode::bad_input);
  }
}

TEST(TokenizerJson, AMissingByteOrATurnedBitNeverEndsTheProgram) {
  const std::string text = small().dump();
  int loaded = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    for (const int bit : {0, 3, 5, 7}) {
      std::string damaged = text;
      damaged[i] = static_cast<char>(damaged[i] ^ 1 << bit);
      try {
        TokenizerAccess::from_json(damaged, "", "t.json").encode("ab <s> c");
        ++loaded;
      } catch (const Error&) {
      }
    }
  }
  EXPECT_GT(loaded, 0);  // another letter in a token is a tokenizer, too
}

TEST(TokenizerJson, IdsMayLeaveHoles) {
  json document = small();
  document["model"]["vocab"]["ab"] = 9;
  const Tokenizer tokenizer = TokenizerAccess::from_json(document.dump(), "", "t.json");
  EXPECT_EQ(tokenizer.vocab_size(), 10);
  EXPECT_EQ(tokenizer.encode("ab"), (std::vector<int32_t>{0, 3, 9}));
  EXPECT_EQ(tokenizer.id_to_token(7), "");
  EXPECT_EQ(tokenizer.decode(std::vector<int32_t>{3, 7, 9}), "ab");
}

}  // namespace
}  // namespace qkv
