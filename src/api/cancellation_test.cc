// Every long call of the public API ends if its token is cancelled.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/test_directories.h"
#include "qkv/attention.h"
#include "qkv/classifier.h"
#include "qkv/evaluator.h"
#include "qkv/generator.h"
#include "qkv/inspect.h"
#include "qkv/trainer.h"
#include "qkv/translator.h"

namespace qkv {
namespace {

class Cancelled : public testing::Test {
 protected:
  void SetUp() override { token_.cancel(); }
  void expect_ends(const std::function<void()>& call) const { EXPECT_EQ(error_of(call, ErrorCode::interrupted), "interrupted"); }

  TemporaryDirectory directory_;
  CancellationToken token_;
  const std::vector<std::string> texts_{"ein Haus", "am See"};
};

TEST_F(Cancelled, Translating) {
  write_translator(directory_ / "model");
  const Translator translator = Translator::open(directory_ / "model", {.max_length = 8});
  expect_ends([&] { translator.translate(texts_, {.cancellation = &token_}); });
  EXPECT_EQ(translator.translate(texts_).size(), 2u) << "the next call has a token of its own, or none";
  const AttentionInspector inspector = AttentionInspector::open(directory_ / "model");
  expect_ends([&] { inspector.view("ein", {.cancellation = &token_}); });
}

TEST_F(Cancelled, GeneratingStopsWhereItIs) {
  write_generator(directory_ / "model");
  const Generator generator = Generator::open(directory_ / "model");
  expect_ends([&] { generator.generate("ein", {.cancellation = &token_}); });
  CancellationToken soon;
  int pieces = 0;
  expect_ends([&] {
    generator.generate("ein", {.max_new_tokens = 100000, .temperature = 1, .cancellation = &soon}, [&](std::string_view) {
      if (++pieces == 3) soon.cancel();
    });
  });
  EXPECT_LE(pieces, 4);
}

TEST_F(Cancelled, Classifying) {
  write_encoder(directory_ / "model", Head::classification);
  const Classifier classifier = Classifier::open(directory_ / "model");
  expect_ends([&] { classifier.classify(texts_, {.cancellation = &token_}); });
  write_file_atomically(directory_ / "texts", "a\tgood\nb\tbad\n");
  expect_ends([&] { evaluate_classification(directory_ / "model", directory_ / "texts", {.cancellation = &token_}); });
}

TEST_F(Cancelled, TrainingATokenizer) {
  write_file_atomically(directory_ / "text", "one two three four\nfive six seven\n");
  const std::vector<std::filesystem::path> files{directory_ / "text"};
  for (int kind = 0; kind <= static_cast<int>(TokenizerPipeline::characters); ++kind) {
    const TokenizerTrainerOptions options{.pipeline = static_cast<TokenizerPipeline>(kind), .vocab_size = 300, .cancellation = &token_};
    expect_ends([&] { train_tokenizer(options, files); });
  }
}

TEST_F(Cancelled, TrainingBeforeItsFirstStep) {
  std::string text;
  for (int i = 0; i < 50; ++i) text += "one two three\n";
  for (const char* name : {"a", "b"}) write_file_atomically(directory_ / name, text);
  TrainOptions options;
  options.source = options.valid_source = directory_ / "a";
  options.target = options.valid_target = directory_ / "b";
  options.output = directory_ / "model";
  options.max_steps = 2;
  options.cancellation = &token_;
  EXPECT_EQ(error_of([&] { train(options); }, ErrorCode::interrupted), "stopped before the first update; nothing was written");
  EXPECT_FALSE(std::filesystem::exists(options.output)) << "nothing is left behind";
}

TEST_F(Cancelled, TrainingWritesACheckpointFromWhichItGoesOn) {
  std::string text;
  for (int i = 0; i < 50; ++i) text += "one two three\n";
  write_file_atomically(directory_ / "text", text);
  CancellationToken soon;
  TrainOptions options;
  apply_preset(options, "char-gpt");
  options.text = directory_ / "text";
  options.output = directory_ / "model";
  options.decoder_layers = 1;
  options.hidden_size = options.ffn_dim = 16;
  options.num_attention_heads = 2;
  options.context = 8;
  options.batch_tokens = 64;
  options.warmup_steps = 2;
  options.max_steps = 1000;
  options.cancellation = &soon;
  TrainCallbacks callbacks;
  callbacks.on_step = [&](const TrainStep& step) {
    if (step.step == 3) soon.cancel();
  };
  EXPECT_THAT(error_of([&] { train(options, callbacks); }, ErrorCode::interrupted), testing::StartsWith("stopped after step 3; "));
  ASSERT_TRUE(inspect_directory(options.output).checkpoints);
  EXPECT_EQ(inspect_directory(options.output).checkpoints->latest, "step-3");
  options.cancellation = nullptr;
  options.resume = true;
  options.max_steps = 5;
  options.schedule_steps = 1000;
  EXPECT_EQ(train(options).step, 5);
}

TEST_F(Cancelled, Inspecting) {
  write_translator(directory_ / "model");
  expect_ends([&] { inspect_directory(directory_ / "model", {.verify = true, .cancellation = &token_}); });
}

}  // namespace
}  // namespace qkv
