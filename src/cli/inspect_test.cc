#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <limits>

#include "base/error.h"
#include "base/files.h"
#include "base/temporary_directory.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "formats/json.h"
#include "io/safetensors.h"
#include "models/model.h"
#include "nn/uniform_config.h"
#include "train/output/checkpoint.h"

namespace qkv {
namespace {

using testing::HasSubstr;

class Inspect : public testing::Test {
 protected:
  void SetUp() override {
    UniformConfig config;
    config.vocab_size = 11;
    config.hidden_size = 8;
    config.encoder_layers = config.decoder_layers = 1;
    config.num_attention_heads = config.num_key_value_heads = 2;
    config.encoder_ffn_dim = config.decoder_ffn_dim = 16;
    config.max_position_embeddings = 10;
    model_ = create_model(config, 1);
    save_model(*model_, directory_);
  }

  std::string output(std::vector<std::string> arguments) {
    CLI::App app;
    add_inspect_command(app);
    arguments.insert(arguments.begin(), {"inspect", directory_.string()});
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes arguments in reverse order
    testing::internal::CaptureStdout();
    error_.clear();
    try {
      app.parse(arguments);
    } catch (const Error& error) {
      error_ = error.what();
    }
    flush_stdout();
    return testing::internal::GetCapturedStdout();
  }
  nlohmann::json json(std::vector<std::string> arguments = {}) {
    arguments.push_back("--json");
    return nlohmann::json::parse(output(std::move(arguments)));
  }

  TemporaryDirectory temporary_;
  std::filesystem::path directory_ = temporary_ / "model";
  std::unique_ptr<Model> model_;
  std::string error_;
};

TEST_F(Inspect, PartsAddUpToTheWholeModel) {
  const nlohmann::json description = json({"--verify"});
  int64_t sum = 0;
  for (const auto& [part, count] : description["parameters"]["parts"].items()) sum += count.get<int64_t>();
  EXPECT_EQ(sum, model_->parameters.count());
  // Four 8 x 8 matrices with biases; then 8 x 16 and 16 x 8 with biases, and two norms.
  EXPECT_EQ(description["parameters"]["parts"]["encoder.self_attention"], 4 * (64 + 8));
  EXPECT_EQ(description["parameters"]["parts"]["encoder.feed_forward"], 128 + 16 + 128 + 8);
  EXPECT_EQ(description["parameters"]["parts"]["encoder.norms"], 2 * 16);
  EXPECT_EQ(description["verified"]["values"], model_->parameters.count() + 11);  // including the bias of the logits
  EXPECT_EQ(description["generation"]["max_length"], 10);
}

TEST_F(Inspect, CheckpointsAreListedAndTheLatestIsMarked) {
  const CheckpointPart part{"weights.safetensors", {{"a", Tensor::zeros({4}, DType::f32)}}};
  for (const int step : {9, 10}) save_checkpoint(directory_ / "checkpoints", step, "{}", std::span(&part, 1), 5);
  const nlohmann::json checkpoints = json({"--verify"})["checkpoints"];
  EXPECT_EQ(checkpoints["latest"], "step-10");
  ASSERT_EQ(checkpoints["list"].size(), 2u);
  EXPECT_EQ(checkpoints["list"][0]["name"], "step-9");
  EXPECT_THAT(output({}), testing::ContainsRegex("step-10 .*latest"));
}

TEST_F(Inspect, VerifyFindsAFlippedBitInACheckpoint) {
  const CheckpointPart part{"weights.safetensors", {{"a", Tensor::zeros({4}, DType::f32)}}};
  save_checkpoint(directory_ / "checkpoints", 3, "{}", std::span(&part, 1), 5);
  const auto file = directory_ / "checkpoints" / "step-3" / "weights.safetensors";
  std::string bytes = read_file(file);
  bytes.back() = 1;
  std::ofstream(file, std::ios::binary) << bytes;
  output({});
  EXPECT_EQ(error_, "");
  output({"--verify"});
  EXPECT_THAT(error_, HasSubstr("weights.safetensors is damaged"));
}

TEST_F(Inspect, VerifyFindsAValueThatIsNoNumber) {
  model_->parameters.all()[3].value.host<float>()[2] = std::numeric_limits<float>::quiet_NaN();
  save_model(*model_, directory_);
  EXPECT_THAT(output({}), HasSubstr("MarianMTModel"));
  output({"--verify"});
  EXPECT_THAT(error_, testing::AllOf(HasSubstr("model.safetensors"), HasSubstr("is nan")));
}

TEST_F(Inspect, SaysWhetherChatTemplatesCanBeUsed) {
  EXPECT_FALSE(json().contains("chat_templates"));
  std::ofstream(directory_ / "chat_template.jinja") << "{{ messages[0].content }}";
  std::filesystem::create_directory(directory_ / "chat_templates");
  std::ofstream(directory_ / "chat_templates" / "tool_use.jinja") << "\n{% include 'other' %}";
  const nlohmann::json templates = json()["chat_templates"];
  EXPECT_EQ(templates["default"], "usable");
  EXPECT_THAT(templates["tool_use"].get<std::string>(), HasSubstr("line 2: the tag {% include %} is not supported"));
  EXPECT_THAT(output({}), HasSubstr("chat templates"));
}

TEST_F(Inspect, TrainingThatHasNoWeightsYetIsShown) {
  for (const char* name : {"config.json", "generation_config.json", "model.safetensors"}) std::filesystem::remove(directory_ / name);
  std::filesystem::create_directory(directory_ / "checkpoints");
  EXPECT_THAT(output({}), HasSubstr("none yet"));
  std::filesystem::remove(directory_ / "checkpoints");
  output({});
  EXPECT_THAT(error_, HasSubstr("has no config.json"));
}

}  // namespace
}  // namespace qkv
