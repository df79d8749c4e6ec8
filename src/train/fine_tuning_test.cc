// Training that begins with the weights of a language model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/temporary_directory.h"
#include "formats/json.h"
#include "models/model_directory.h"
#include "qkv/trainer.h"

namespace qkv {
namespace {

using testing::HasSubstr;

const std::filesystem::path kGoldens = std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens";

class FineTuning : public testing::Test {
 protected:
  void write_model(const std::string& name, const nlohmann::json& tokenizer) {
    for (const char* file : {"config.json", "generation_config.json", "model.safetensors"}) {
      write_file_atomically(root_ / "init" / file, read_file(kGoldens / name / file));
    }
    write_file_atomically(root_ / "init" / "tokenizer.json", tokenizer.dump());
  }
  TrainOptions options() const {
    TrainOptions o;
    apply_preset(o, "char-gpt");
    o.init = root_ / "init";
    o.text = root_ / "text";
    o.valid_text = root_ / "text";
    o.document_separator = "\n\n";
    o.output = root_ / "output";
    o.dtype = TrainPrecision::f32;
    o.context = 24;
    o.batch_tokens = 1000;
    o.dropout = o.attention_dropout = o.activation_dropout = 0;
    o.label_smoothing = o.ema_decay = 0;
    o.schedule = LearningRateSchedule::constant;
    o.warmup_steps = 0;
    o.max_steps = 50;
    o.validate_every = o.save_every = 50;
    o.tensorboard = false;
    return o;
  }
  void SetUp() override { std::filesystem::create_directory(root_ / "init"); }

  TemporaryDirectory root_;
  const nlohmann::json golden_ = nlohmann::json::parse(read_file(kGoldens / "train/fine_tuning.json"));
};

// tools/golden/fine_tuning.py wrote the expected losses: each document is a sequence of its own whose positions begin at 0.
TEST_F(FineTuning, FiftyUpdatesOfPackedDocumentsAreThoseOfPyTorch) {
  std::string text;
  for (const nlohmann::json& document : golden_["documents"]) text += (text.empty() ? "" : "\n\n") + document.get<std::string>();
  write_file_atomically(root_ / "text", text);
  for (const nlohmann::json& each : golden_["cases"]) {
    SCOPED_TRACE(each["model"].get<std::string>());
    write_model(each["model"], each["tokenizer"]);
    TrainOptions o = options();
    o.overwrite = true;
    o.learning_rate = golden_["options"]["learning_rate"];
    o.beta1 = golden_["options"]["beta1"];
    o.beta2 = golden_["options"]["beta2"];
    o.epsilon = golden_["options"]["epsilon"];
    o.weight_decay = golden_["options"]["weight_decay"];
    o.clip_norm = golden_["options"]["clip_norm"];
    std::vector<double> losses;
    TrainCallbacks callbacks;
    callbacks.on_step = [&](const TrainStep& step) { losses.push_back(step.loss); };
    train(o, callbacks);
    ASSERT_EQ(losses.size(), each["losses"].size());
    for (size_t i = 0; i < losses.size(); ++i) EXPECT_NEAR(losses[i], each["losses"][i].get<double>(), 1e-3) << i;
    const ModelDirectory before(root_ / "init"), after(o.output);
    EXPECT_EQ(after.architecture().class_name, before.architecture().class_name);
    EXPECT_EQ(after.config().eos_token_ids, before.config().eos_token_ids);
  }
}

TEST_F(FineTuning, ModelsOfAnotherKindAndTooLongWindowsAreRefused) {
  write_model("causal_models/llama", golden_["cases"][0]["tokenizer"]);
  write_file_atomically(root_ / "text", "ab\n\ncd");
  const auto refusal = [](const TrainOptions& o) {
    try {
      train(o);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  TrainOptions o = options();
  o.context = 64;
  EXPECT_THAT(refusal(o), HasSubstr("the model has 32 positions, fewer than"));
  o = options();
  o.task = TrainTask::mlm;
  EXPECT_THAT(refusal(o), HasSubstr("an encoder alone is needed"));
}

}  // namespace
}  // namespace qkv
