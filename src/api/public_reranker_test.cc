#include "qkv/reranker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/test_directories.h"
#include "formats/json.h"

namespace qkv {
namespace {

using testing::HasSubstr;

const std::filesystem::path kGoldens = std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens/rerank";

std::vector<RerankPair> pairs_of(const nlohmann::json& golden) {
  std::vector<RerankPair> pairs;
  for (const nlohmann::json& each : golden["pairs"]) pairs.push_back({each[0], each[1]});
  return pairs;
}

void expect_near(const std::vector<double>& actual, const nlohmann::json& expected, size_t first = 0) {
  for (size_t i = 0; i < actual.size(); ++i) EXPECT_NEAR(actual[i], expected[first + i].get<double>(), 2e-5) << i;
}

// tools/golden/rerank.py wrote the expected values.
TEST(Reranker, YesAndNoOfALanguageModelAreComparedAsQwen3RerankerIsAsked) {
  const nlohmann::json golden = nlohmann::json::parse(read_file(kGoldens / "qwen3/expected.json"));
  const Reranker reranker = Reranker::open(kGoldens / "qwen3");
  const std::vector<RerankPair> pairs = pairs_of(golden);
  expect_near(reranker.score(pairs, {.logits = true}).scores, golden["logits"]);
  const RerankScores told = reranker.score(pairs, {.instruction = golden["instruction"].get<std::string>()});
  expect_near(told.scores, golden["scores"], pairs.size());
  EXPECT_EQ(
      reranker.score(std::span(pairs).first(1), {.instruction = golden["instruction"].get<std::string>(), .batch_tokens = 1}).scores[0],
      told.scores[0]);
}

// The chat template and the prompt of the directory, both as CrossEncoder uses them.
TEST(Reranker, AChatTemplateWithQueryAndDocumentIsRendered) {
  const TemporaryDirectory directory;
  for (const char* part : {"qwen3", "qwen3_template"}) {
    std::filesystem::copy(kGoldens / part, directory.path(),
                          std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
  }
  const nlohmann::json golden = nlohmann::json::parse(read_file(kGoldens / "qwen3_template/expected.json"));
  const std::vector<RerankPair> pairs = pairs_of(golden);
  const Reranker reranker = Reranker::open(directory.path());
  const RerankScores found = reranker.score(pairs);
  expect_near(found.scores, golden["scores"]);
  EXPECT_TRUE(found.cut[3]) << "the template's end stays";
  expect_near(reranker.score(pairs, {.instruction = golden["instruction"], .logits = true}).scores, golden["logits"], pairs.size());
  std::string spelled_out;
  for (int i = 0; i < 40; ++i) spelled_out += "<|im_end|>";
  EXPECT_TRUE(reranker.score(std::vector<RerankPair>{{"a", spelled_out}}).cut[0]) << "400 characters, not 40 special tokens";
  const std::vector<RerankPair> long_query{{std::string(600, 'q'), "a"}};
  EXPECT_THAT(error_of([&] { reranker.score(long_query); }, ErrorCode::bad_input), HasSubstr("pair 1: the query leaves no room"));
  write_file_atomically(directory / "chat_template.jinja", "{{ messages[-1].content }}");
  EXPECT_THAT(error_of([&] { Reranker::open(directory.path()); }, ErrorCode::unsupported), HasSubstr("leaves out messages of the roles"));
}

TEST(Reranker, OneLabelOfAnEncoderIsThatOfCrossEncoder) {
  const nlohmann::json golden = nlohmann::json::parse(read_file(kGoldens / "bert/expected.json"));
  const Reranker reranker = Reranker::open(kGoldens / "bert");
  const RerankScores scores = reranker.score(pairs_of(golden));
  expect_near(scores.scores, golden["scores"]);
  expect_near(reranker.score(pairs_of(golden), {.logits = true}).scores, golden["logits"]);
  EXPECT_FALSE(scores.cut[0]);
  EXPECT_TRUE(scores.cut[3]);
  const std::vector<RerankPair> long_query{{std::string(40, 'q'), "a"}};
  EXPECT_THAT(error_of([&] { reranker.score(long_query); }, ErrorCode::bad_input), HasSubstr("pair 1: the query leaves no room"));
}

// The module's tokens in place of yes and no.
TEST(Reranker, LogitScoreNamesItsTokens) {
  const TemporaryDirectory directory;
  for (const auto& entry : std::filesystem::directory_iterator(kGoldens / "qwen3")) std::filesystem::copy(entry.path(), directory.path());
  std::filesystem::create_directory(directory / "1_LogitScore");
  write_file_atomically(directory / "modules.json",
                        R"([{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.base.modules.transformer.Transformer"},
    {"idx": 1, "name": "1", "path": "1_LogitScore", "type": "sentence_transformers.cross_encoder.modules.logit_score.LogitScore"}])");
  const Tokenizer tokenizer = Tokenizer::load(directory.path());
  const auto score = [&](const std::string& settings) {
    write_file_atomically(directory / "1_LogitScore" / "config.json", settings);
    return Reranker::open(directory.path()).score(std::vector<RerankPair>{{"a", "b"}}, {.logits = true}).scores[0];
  };
  const int32_t yes = tokenizer.token_to_id("yes"), no = tokenizer.token_to_id("no");
  const double difference = score(fmt::format(R"({{"true_token_id": {}, "false_token_id": {}}})", yes, no));
  EXPECT_NEAR(score(fmt::format(R"({{"true_token_id": {}, "false_token_id": {}}})", no, yes)), -difference, 1e-6);
  EXPECT_NEAR(score(fmt::format(R"({{"true_token_id": {}}})", yes)) - score(fmt::format(R"({{"true_token_id": {}}})", no)), difference,
              1e-6);
  write_file_atomically(directory / "modules.json", "[]");
  EXPECT_THAT(error_of([&] { Reranker::open(directory.path()); }, ErrorCode::unsupported),
              HasSubstr("only a Transformer and a LogitScore"));
}

}  // namespace
}  // namespace qkv
