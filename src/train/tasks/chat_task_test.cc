// Fine-tuning on conversations; tools/golden/chat_answers.py wrote the expected values.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/temporary_directory.h"
#include "chat/answer_tokens.h"
#include "formats/json.h"
#include "models/model_directory.h"
#include "qkv/trainer.h"

namespace qkv {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const std::filesystem::path kGoldens = std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens";

class Chat : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(init_);
    for (const char* file : {"config.json", "generation_config.json", "model.safetensors"}) {
      write_file_atomically(init_ / file, read_file(kGoldens / golden_["model"].get<std::string>() / file));
    }
    write_file_atomically(init_ / "tokenizer.json", golden_["tokenizer"].dump());
    use_template(golden_["templates"]["marked"]);
    std::string lines;
    for (const json& messages : golden_["conversations"]) lines += json{{"messages", messages}}.dump() + "\n";
    write_file_atomically(root_ / "conversations", lines);
  }
  void use_template(const std::string& text) { write_file_atomically(init_ / "chat_template.jinja", text); }

  TrainOptions options() const {
    TrainOptions o;
    apply_preset(o, "chat");
    o.init = init_;
    o.train_file = root_ / "conversations";
    o.valid_file = root_ / "conversations";
    o.output = root_ / "output";
    o.dtype = TrainPrecision::f32;
    o.context = 32;
    o.batch_tokens = 1000;
    o.learning_rate = golden_["options"]["learning_rate"];
    o.beta1 = golden_["options"]["beta1"];
    o.beta2 = golden_["options"]["beta2"];
    o.epsilon = golden_["options"]["epsilon"];
    o.weight_decay = golden_["options"]["weight_decay"];
    o.clip_norm = golden_["options"]["clip_norm"];
    o.ema_decay = 0;
    o.warmup_steps = 0;
    o.max_steps = 20;
    o.validate_every = o.save_every = 20;
    o.tensorboard = false;
    return o;
  }
  std::string refusal(const TrainOptions& o) const {
    try {
      train(o);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  TemporaryDirectory root_;
  const std::filesystem::path init_ = root_ / "init";
  const json golden_ = json::parse(read_file(kGoldens / "train/chat_answers.json"));
};

TEST_F(Chat, AnswersAreTheTokensThatTransformersMarks) {
  const Tokenizer tokenizer = Tokenizer::load(init_);
  for (const auto& [name, expected] : golden_["answers"].items()) {
    use_template(golden_["templates"][name]);
    const ChatTemplate chat = ChatTemplate::load(init_);
    for (size_t i = 0; i < expected.size(); ++i) {
      SCOPED_TRACE(fmt::format("{} {}", name, i));
      const std::vector<AnswerTokens> found = tokenize_answers(chat, tokenizer, golden_["conversations"][i].dump());
      ASSERT_EQ(found.size(), expected[i].size());
      for (size_t k = 0; k < found.size(); ++k) {
        EXPECT_EQ(found[k].ids, expected[i][k]["ids"].get<std::vector<int32_t>>());
        EXPECT_EQ(found[k].is_answer, expected[i][k]["mask"].get<std::vector<uint8_t>>());
      }
    }
  }
}

TEST_F(Chat, UpdatesOnAnswersAloneAreThoseOfPyTorch) {
  std::vector<double> losses;
  TrainCallbacks callbacks;
  callbacks.on_step = [&](const TrainStep& step) { losses.push_back(step.loss); };
  const TrainOptions o = options();
  train(o, callbacks);
  ASSERT_EQ(losses.size(), golden_["losses"].size());
  for (size_t i = 0; i < losses.size(); ++i) EXPECT_NEAR(losses[i], golden_["losses"][i].get<double>(), 1e-3) << i;
  EXPECT_EQ(read_file(o.output / "chat_template.jinja"), golden_["templates"]["marked"].get<std::string>());
}

TEST_F(Chat, SlicesOfAnUpdateGiveItsLosses) {
  TrainOptions o = options();
  o.slices = 4;
  o.max_steps = 3;
  std::vector<double> losses;
  TrainCallbacks callbacks;
  callbacks.on_step = [&](const TrainStep& step) { losses.push_back(step.loss); };
  train(o, callbacks);
  ASSERT_EQ(losses.size(), 3u);
  for (size_t i = 0; i < losses.size(); ++i) EXPECT_NEAR(losses[i], golden_["losses"][i].get<double>(), 1e-3) << i;
}

TEST_F(Chat, WhatCannotBeLearntIsRefusedWithItsPlace) {
  const auto with_line = [&](const std::string& line) {
    write_file_atomically(root_ / "conversations",
                          R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]})"
                          "\n" +
                              line + "\n");
    return refusal(options());
  };
  EXPECT_THAT(with_line("{"), HasSubstr("conversations:2: "));
  EXPECT_THAT(with_line(R"({"messages": [{"role": "user", "content": "a"}]})"),
              HasSubstr("conversations:2: the conversation has no answer: no message with the role \"assistant\""));
  use_template("{% for m in messages %}{{ m.content }}</s>{% endfor %}{% if add_generation_prompt %}a {% endif %}");
  EXPECT_THAT(with_line(""), HasSubstr("conversations:1: the chat template does not show message 2 as it begins an answer"));
  TrainOptions o = options();
  o.context = 2;
  use_template(golden_["templates"]["marked"]);
  EXPECT_THAT(refusal(o), HasSubstr("no answer begins in the first 2 tokens of a conversation"));
  std::filesystem::remove(init_ / "chat_template.jinja");
  EXPECT_THAT(with_line(""), HasSubstr("chat template"));
  o = options();
  o.init.clear();
  EXPECT_THAT(refusal(o), HasSubstr("init is missing; task chat needs it"));
}

}  // namespace
}  // namespace qkv
