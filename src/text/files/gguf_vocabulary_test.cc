#include "text/files/gguf_vocabulary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "formats/gguf_writer.h"
#include "text/files/gguf_pre_tokenizers.h"
#include "text/files/gguf_vocabulary_writer.h"
#include "text/files/test_files.h"
#include "text/files/tokenizer_parts.h"
#include "text/stages/pre_tokenizers.h"

namespace qkv {
namespace {

using testing::HasSubstr;

const std::string kGgml = "tokenizer.ggml.";

GgufWriter llama(const std::vector<std::string>& tokens = {"<unk>", "<s>", "</s>", "▁", "a", "b", "ab", "▁ab"},
                 std::vector<float> scores = {0, 0, 0, -4, -5, -6, -1, -2}, std::vector<int32_t> types = {2, 3, 3, 1, 1, 1, 1, 1}) {
  GgufWriter file;
  file.string(kGgml + "model", "llama")
      .strings(kGgml + "tokens", tokens)
      .floats(kGgml + "scores", scores)
      .integers(kGgml + "token_type", types);
  return file.integer(kGgml + "bos_token_id", 1);
}

GgufWriter gpt2(const std::string& pre = "gpt-2", const std::vector<std::string>& merges = {"a b", "Ġ ab"}) {
  GgufWriter file;
  file.string(kGgml + "model", "gpt2").string(kGgml + "pre", pre).strings(kGgml + "tokens", {"a", "b", "Ġ", "ab", "Ġab", "<end>"});
  return file.integers(kGgml + "token_type", {1, 1, 1, 1, 1, 3}).strings(kGgml + "merges", merges);
}

GgufWriter bert() {
  GgufWriter file;
  file.string(kGgml + "model", "bert").strings(kGgml + "tokens", {"[UNK]", "[CLS]", "[SEP]", "▁ab", "a", "b", "▁a"});
  return file.integer(kGgml + "cls_token_id", 1).integer(kGgml + "seperator_token_id", 2).integer(kGgml + "unknown_token_id", 0);
}

std::vector<int32_t> encode(const std::string& bytes, const std::string& text) {
  return TokenizerAccess::from_json(gguf_to_json(bytes, "a.gguf"), "", "a.gguf").encode(text);
}
std::string message(const std::string& bytes) {
  return error_of([&] { encode(bytes, "ab"); });
}

TEST(GgufVocabulary, TheSmallExamplesOfTheseTestsAreRight) {
  EXPECT_EQ(encode(llama().build(), "ab b"), (std::vector<int32_t>{1, 7, 3, 5}));
  EXPECT_EQ(encode(gpt2().build(), "ab ab<end>"), (std::vector<int32_t>{3, 4, 5}));
  EXPECT_EQ(encode(bert().build(), "AB abb x"), (std::vector<int32_t>{1, 3, 3, 5, 0, 2}));
}

TEST(GgufVocabulary, TheTextBehindASpecialTokenBeginsAsATextDoes) {
  EXPECT_EQ(encode(llama().build(), "ab</s>ab b</s>"), (std::vector<int32_t>{1, 7, 2, 7, 3, 5, 2}));
  const GgufWriter user =
      llama({"<unk>", "<s>", "</s>", "▁", "a", "b", "ab", "▁ab", "<u>"}, {0, 0, 0, -4, -5, -6, -1, -2, 0}, {2, 3, 3, 1, 1, 1, 1, 1, 4});
  EXPECT_EQ(encode(user.build(), "<u>ab<u>ab"), (std::vector<int32_t>{1, 8, 7, 8, 7}));
}

TEST(GgufVocabulary, SpecialTokensOfPhi3TakeTheSpacesBehindThem) {
  const auto phi3 = [](const std::string& name) {
    GgufWriter file = llama({"<unk>", "<s>", "</s>", "▁", "a", "b", "ab", "▁ab", "<|end|>"}, {0, 0, 0, -4, -5, -6, -1, -2, 0},
                            {2, 3, 3, 1, 1, 1, 1, 1, 3});
    return file.string("general.name", name).build();
  };
  EXPECT_EQ(encode(phi3("Phi-3-mini-4k"), "<|end|>  ab</s> ab<s> ab"), (std::vector<int32_t>{1, 8, 7, 2, 7, 1, 3, 7}));
  EXPECT_EQ(encode(phi3("Llama"), "<|end|> ab"), (std::vector<int32_t>{1, 8, 3, 7}));
}

// What is written must be read as the same tokenizer.json.
std::string written_and_read(const std::string& bytes, int64_t count) {
  GgufVocabularyKeys vocabulary = write_gguf_vocabulary(gguf_to_json(bytes, "a.gguf"), "a.gguf", count);
  for (const auto& [name, id] : vocabulary.ids) vocabulary.keys.integer(kGgml + name, static_cast<uint32_t>(id));
  return gguf_to_json(vocabulary.keys.build(), "a.gguf");
}

TEST(GgufVocabulary, WrittenIsReadTheSame) {
  const GgufWriter user =
      llama({"<unk>", "<s>", "</s>", "▁", "a", "b", "ab", "▁ab", "<u>"}, {0, 0, 0, -4, -5, -6, -1, -2, 0}, {2, 3, 3, 1, 1, 1, 1, 1, 4});
  EXPECT_EQ(written_and_read(user.build(), 9), gguf_to_json(user.build(), "a.gguf"));
  GgufWriter ends = llama();
  ends.boolean(kGgml + "add_space_prefix", false).boolean(kGgml + "add_eos_token", true).integer(kGgml + "eos_token_id", 2);
  EXPECT_EQ(written_and_read(ends.build(), 8), gguf_to_json(ends.build(), "a.gguf"));
  EXPECT_EQ(written_and_read(gpt2().build(), 6), gguf_to_json(gpt2().build(), "a.gguf"));
  for (const char* pre : {"llama-bpe", "dbrx", "qwen2", "starcoder", "tekken", "deepseek-v3", "poro-chat"}) {
    GgufWriter file = gpt2(pre);
    file.boolean(kGgml + "add_bos_token", true).integer(kGgml + "bos_token_id", 5);
    EXPECT_EQ(written_and_read(file.build(), 6), gguf_to_json(file.build(), "a.gguf")) << pre;
  }
  GgufWriter cased = bert();
  cased.boolean(kGgml + "normalizer.lowercase", false);
  EXPECT_EQ(written_and_read(cased.build(), 7), gguf_to_json(cased.build(), "a.gguf"));
}

TEST(GgufVocabulary, IdsWithoutATokenAreFilledUpAndTooManyTokensRefused) {
  const std::string filled = written_and_read(gpt2().build(), 8);
  EXPECT_THAT(filled, HasSubstr("\"[PAD7]\":7"));
  EXPECT_THAT(error_of([] { written_and_read(gpt2().build(), 5); }),
              HasSubstr("its token <end> has the id 5, but the model has only 5 ids"));
}

// transformers' form of Llama's tokenizer: the ranks of merges become scores.
TEST(GgufVocabulary, MergesOfPiecesBecomeScores) {
  const auto json_of = [](const std::vector<std::string>& merges) {
    nlohmann::json vocab = {{"<unk>", 0}, {"<s>", 1}, {"▁", 2}, {"a", 3}, {"b", 4}, {"ab", 5}, {"▁ab", 6}};
    for (int byte = 0; byte < 256; ++byte) vocab[fmt::format("<0x{:02X}>", byte)] = 7 + byte;
    const nlohmann::json normalizers = {{{"type", "Prepend"}, {"prepend", "▁"}},
                                        {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "▁"}}};
    const nlohmann::json single = {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}}, {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}};
    return nlohmann::json(
               {{"added_tokens",
                 {{{"id", 0}, {"content", "<unk>"}, {"special", true}}, {{"id", 1}, {"content", "<s>"}, {"special", true}}}},
                {"normalizer", {{"type", "Sequence"}, {"normalizers", normalizers}}},
                {"pre_tokenizer", nullptr},
                {"post_processor", {{"type", "TemplateProcessing"}, {"single", single}}},
                {"model", {{"type", "BPE"}, {"unk_token", "<unk>"}, {"byte_fallback", true}, {"vocab", vocab}, {"merges", merges}}}})
        .dump();
  };
  GgufVocabularyKeys vocabulary = write_gguf_vocabulary(json_of({"a b", "▁ ab"}), "t.json", 263);
  EXPECT_EQ(vocabulary.ids.at("bos_token_id"), 1);
  EXPECT_EQ(vocabulary.ids.at("unknown_token_id"), 0);
  const std::string bytes = vocabulary.keys.integer(kGgml + "bos_token_id", 1).integer(kGgml + "unknown_token_id", 0).build();
  EXPECT_EQ(encode(bytes, "ab b\n"), (std::vector<int32_t>{1, 6, 2, 4, 7 + 10}));
  EXPECT_THAT(error_of([&] { write_gguf_vocabulary(json_of({"a b"}), "t.json", 263); }),
              HasSubstr("it has 1 merges, but 2 pairs of tokens are a token together"));
}

TEST(GgufVocabulary, EveryNameOfAPreTokenizerIsOneThatOpens) {
  const std::string names = gguf_pre_tokenizer_names();
  size_t count = 0;
  for (size_t begin = 0; begin < names.size(); ++count) {
    const size_t end = std::min(names.find(", ", begin), names.size());
    const std::string name = names.substr(begin, end - begin);
    EXPECT_EQ(message(gpt2(name).build()), "(no error)") << name;
    begin = end + 2;
  }
  EXPECT_GT(count, 80u);
}

TEST(GgufVocabulary, PreTokenizersCutWhereTheTokenizersLibraryCuts) {
  const nlohmann::json patterns = golden("regex.json")["sequences"];
  for (const nlohmann::json& each : patterns) {
    const GgufPreTokenizer* cut = find_gguf_pre_tokenizer(each[0].get<std::string>());
    ASSERT_NE(cut, nullptr);
    nlohmann::json parts = nlohmann::json::array();
    for (const std::string_view pattern : cut->patterns) {
      parts.push_back({{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}});
    }
    const nlohmann::json stage = {{"type", "Sequence"}, {"pretokenizers", parts}};
    PieceList list(NormalizedText(each[1].get<std::string>()));
    make_pre_tokenizer(JsonNode(stage, "t.json"))->apply(list);
    std::vector<size_t> places;
    for (const PieceList::Piece& piece : list.pieces) places.insert(places.end(), {piece.begin, piece.end});
    EXPECT_EQ(places, each[2].get<std::vector<size_t>>()) << each;
  }
}

TEST(GgufVocabulary, KeysOfTheNormalizerAreFollowed) {
  EXPECT_EQ(encode(bert().boolean(kGgml + "normalizer.lowercase", false).build(), "AB ab"), (std::vector<int32_t>{1, 0, 3, 2}));
  EXPECT_EQ(encode(bert().boolean(kGgml + "normalizer.strip_accents", false).build(), "áb ab"), (std::vector<int32_t>{1, 0, 3, 2}));
}

TEST(GgufVocabulary, HugeValuesAreCutInMessages) {
  const std::string huge(1 << 20, 'x');
  EXPECT_LT(message(gpt2(huge).build()).size(), 2500u);
  EXPECT_LT(message(GgufWriter().strings(kGgml + "tokens", {"a"}).string(kGgml + "model", huge).build()).size(), 400u);
  EXPECT_LT(message(llama({"<unk>", std::string(60'000, 'a'), std::string(60'000, 'a')}, {0, 0, 0}, {2, 1, 1}).build()).size(), 400u);
  EXPECT_LT(message(gpt2("gpt-2", {"a " + huge}).build()).size(), 400u);
  EXPECT_LT(message(GgufWriter().raw(std::string(60'000, 'k'), 99, "").build()).size(), 400u);
}

TEST(GgufVocabulary, AMessageIsOneLineWhateverTheFileSays) {
  EXPECT_THAT(message(gpt2("no\nsuch").build()), HasSubstr("\"tokenizer.ggml.pre\" is \"no such\""));
}

TEST(GgufVocabulary, WhatDoesNotFitTogetherIsNamed) {
  EXPECT_THAT(message(GgufWriter().integer("a", 1).build()), HasSubstr("it has no \"tokenizer.ggml.tokens\""));
  EXPECT_THAT(message(GgufWriter().strings(kGgml + "tokens", {"a"}).string(kGgml + "model", "rwkv").build()),
              HasSubstr("of the kind \"rwkv\""));
  EXPECT_THAT(message(llama({"<unk>", "a"}, {0}, {2, 1}).build()), HasSubstr("\"tokenizer.ggml.scores\" has 1 values for 2 tokens"));
  EXPECT_THAT(message(llama({"<unk>", "a"}, {0, 0}, {2}).build()), HasSubstr("\"tokenizer.ggml.token_type\" has 1 values for 2 tokens"));
  EXPECT_THAT(message(llama({"<unk>", "a"}, {0, 0}, {2, 9}).build()), HasSubstr("unknown type 9"));
  EXPECT_THAT(message(llama({"<unk>", "a"}, {0, NAN}, {2, 1}).build()), HasSubstr("piece 1 has a score that is not a number"));
  EXPECT_THAT(message(llama({"<unk>", "a\xFF"}, {0, 0}, {2, 1}).build()), HasSubstr("token 1 is not valid UTF-8"));
  EXPECT_THAT(message(llama({"<unk>", "a", "a"}, {0, 0, 0}, {2, 1, 1}).build()), HasSubstr("pieces 1 and 2 are both \"a\""));
  EXPECT_THAT(message(llama({"<unk>", std::string(70'000, 'a')}, {0, 0}, {2, 1}).build()), HasSubstr("token 1 has 70000 bytes"));
  EXPECT_THAT(
      message(llama({"<unk>", "a"}, {0, 0}, {2, 1}).integer(kGgml + "eos_token_id", 2).boolean(kGgml + "add_eos_token", true).build()),
      HasSubstr("\"tokenizer.ggml.eos_token_id\" is 2, but there are only ids below 2"));
  EXPECT_THAT(message(gpt2("my-own").build()), HasSubstr("\"tokenizer.ggml.pre\" is \"my-own\""));
  EXPECT_THAT(message(gpt2("gpt-2", {"a b", "a c"}).build()), HasSubstr("merge 1 joins \"c\", which is not in the vocabulary"));
  EXPECT_THAT(message(gpt2("gpt-2", {"ab"}).build()), HasSubstr("merge 0 is not two tokens"));
  EXPECT_THAT(message(gpt2("gpt-2", {"b a"}).build()), HasSubstr("joins \"ba\", which is not in the vocabulary"));
}

TEST(GgufVocabulary, AMissingByteOrATurnedBitNeverEndsTheProgram) {
  int loaded = 0;
  for (const std::string& bytes : {llama().build(), gpt2().build(), bert().build()}) {
    for (size_t i = 0; i < bytes.size(); ++i) {
      EXPECT_THAT(message(bytes.substr(0, i)), testing::StartsWith("a.gguf: ")) << i;
      for (const int bit : {0, 2, 5, 7}) {
        std::string damaged = bytes;
        damaged[i] = static_cast<char>(damaged[i] ^ 1 << bit);
        loaded += message(damaged) == "(no error)";
      }
    }
  }
  EXPECT_GT(loaded, 0);  // another letter in a token is a vocabulary, too
}

}  // namespace
}  // namespace qkv
