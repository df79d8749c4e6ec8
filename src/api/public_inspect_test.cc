#include "qkv/inspect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "api/test_directories.h"

namespace qkv {
namespace {

TEST(InspectDirectory, TellsWhatIsThere) {
  const TemporaryDirectory directory;
  write_encoder(directory / "model", Head::classification);
  const InspectedDirectory found = inspect_directory(directory / "model", {.verify = true});
  ASSERT_TRUE(found.model);
  EXPECT_EQ(found.model->architecture, "BertForSequenceClassification");
  EXPECT_EQ(found.model->model_type, "bert");
  EXPECT_THAT(found.model->labels, testing::ElementsAre("bad", "good"));
  const std::map<std::string, std::string> config(found.model->config.begin(), found.model->config.end());
  EXPECT_EQ(config.at("hidden_size"), "32");
  EXPECT_EQ(config.at("vocab_size"), std::to_string(*found.tokenizer_vocab_size));
  int64_t sum = 0;
  for (const auto& [part, count] : found.model->parts) sum += count;
  EXPECT_EQ(sum, found.model->parameters);
  EXPECT_EQ(found.model->verified_values, found.model->parameters);
  EXPECT_THAT(found.model->files, testing::ElementsAre("model.safetensors"));
  EXPECT_FALSE(found.model->generation) << "an encoder alone does not write";
  EXPECT_FALSE(found.checkpoints);
  EXPECT_THAT(found.files, testing::Contains(testing::Pair("config.json", testing::Gt(0))));
}

TEST(InspectDirectory, WithoutVerifyingNothingIsRead) {
  const TemporaryDirectory directory;
  write_translator(directory / "model");
  const InspectedDirectory found = inspect_directory(directory / "model");
  EXPECT_FALSE(found.model->verified_values);
  EXPECT_TRUE(found.model->generation);
  std::filesystem::remove(directory / "model" / "config.json");
  EXPECT_THAT(error_of([&] { inspect_directory(directory / "model"); }, ErrorCode::io), testing::HasSubstr("config.json"));
}

}  // namespace
}  // namespace qkv
