// Complete trainings of language models with a few thousand weights.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/files.h"
#include "base/parallel.h"
#include "base/temporary_directory.h"
#include "models/model.h"
#include "qkv/tokenizer.h"
#include "qkv/trainer.h"

namespace qkv {
namespace {

using testing::HasSubstr;

class TextTraining : public testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 80; ++i) text_ += fmt::format("{} und {}.\n", i * 7 % 13, i * 5 % 11);
    write_file_atomically(root_ / "text", text_);
  }
  void TearDown() override { set_num_threads(threads_); }

  TrainOptions options(const std::string& output) const {
    TrainOptions o;
    apply_preset(o, "char-gpt");
    o.dtype = TrainPrecision::f32;
    o.text = root_ / "text";
    o.output = root_ / output;
    o.decoder_layers = 2;
    o.hidden_size = 16;
    o.num_attention_heads = 2;
    o.ffn_dim = 24;
    o.context = 12;
    o.batch_tokens = 100;
    o.warmup_steps = 4;
    o.max_steps = 8;
    o.validate_every = 4;
    o.save_every = 2;
    o.log_every = 2;
    return o;
  }
  std::string refusal(const TrainOptions& o, ErrorCode expected) const {
    try {
      train(o);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), expected) << error.what();
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
      return error.what();
    }
    return "no error";
  }

  TemporaryDirectory root_;
  std::string text_;
  const int threads_ = num_threads();
};

TEST_F(TextTraining, LeavesADirectoryThatOpens) {
  const TrainResult result = train(options("model"));
  EXPECT_EQ(result.step, 8);
  const auto model = load_model(root_ / "model");
  EXPECT_EQ(model->config.kind, Kind::decoder_only);
  EXPECT_EQ(model->config.max_position_embeddings, 12);
  EXPECT_EQ(model->config.decoder.size(), 2u);
  const Tokenizer tokenizer = Tokenizer::load(root_ / "model");
  EXPECT_EQ(model->config.vocab_size, tokenizer.vocab_size());
  EXPECT_EQ(model->config.eos_token_ids, std::vector{tokenizer.token_to_id("<|endoftext|>")});
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(text_)), text_);
}

// Recomputes the validation window by window: -log p of each token of the last tenth of the characters, given the preceding tokens of its
// window.
TEST_F(TextTraining, ItsValidationIsTheMeanOverAllWindowsOfTheLastTenth) {
  std::vector<TrainValidation> validations;
  TrainCallbacks callbacks;
  callbacks.on_validation = [&](const TrainValidation& validation) { validations.push_back(validation); };
  const TrainResult result = train(options("model"), callbacks);
  const auto model = load_model(root_ / "model");
  const Tokenizer tokenizer = Tokenizer::load(root_ / "model");
  const std::string end = text_.substr(static_cast<size_t>(static_cast<double>(text_.size()) * 0.9));
  const std::vector<int32_t> ids = tokenizer.encode(end);
  double nll = 0;
  for (size_t begin = 0; begin + 1 < ids.size(); begin += 12) {
    const auto length = static_cast<int32_t>(std::min<size_t>(12, ids.size() - 1 - begin));
    const TokenBatch window{{ids.begin() + static_cast<ptrdiff_t>(begin), ids.begin() + static_cast<ptrdiff_t>(begin) + length},
                            Segments::of_lengths(std::span(&length, 1))};
    ForwardContext context;
    const Tensor logits = model->network.logits(model->network.decode(window, {}, {}, context));
    for (int32_t i = 0; i < length; ++i) {
      const float* row = logits.host<float>() + i * logits.cols();
      double sum = 0;
      for (int64_t j = 0; j < logits.cols(); ++j) sum += std::exp(static_cast<double>(row[j]));
      nll += std::log(sum) - static_cast<double>(row[ids[begin + static_cast<size_t>(i) + 1]]);
    }
  }
  const TrainValidation& best = validations.back();
  ASSERT_TRUE(best.best);
  EXPECT_NEAR(best.loss, nll / static_cast<double>(ids.size() - 1), 1e-5);
  EXPECT_NEAR(best.perplexity, std::exp(best.loss), 1e-9);
  ASSERT_TRUE(best.bits_per_byte);
  EXPECT_NEAR(*best.bits_per_byte, nll / std::log(2.0) / static_cast<double>(end.size()), 1e-5);
  EXPECT_FALSE(best.bleu);
  EXPECT_EQ(result.best_loss, best.loss);
}

TEST_F(TextTraining, LearnsAText) {
  TrainOptions o = options("model");
  o.hidden_size = 32;
  o.ffn_dim = 64;
  o.dropout = 0;
  o.learning_rate = 1e-2;
  o.max_steps = 300;
  o.validate_every = 300;
  o.save_every = 1000;
  o.ema_decay = 0.9;
  std::vector<double> losses;
  TrainCallbacks callbacks;
  callbacks.on_step = [&](const TrainStep& step) { losses.push_back(step.loss); };
  const TrainResult result = train(o, callbacks);
  EXPECT_GT(losses.front(), 2.4) << "an untrained model knows nothing of 16 characters";
  EXPECT_LT(losses.back(), 1.2);
  EXPECT_LT(result.best_loss, 1.2);
}

TEST_F(TextTraining, StoppedAndResumedGivesTheSameBits) {
  for (const std::string separator : {"", "\n"}) {
    TrainOptions whole = options("whole" + std::to_string(separator.size()));
    whole.document_separator = separator;
    whole.accumulate = 2;
    whole.threads = 1;
    train(whole);
    TrainOptions parts = whole;
    parts.output = root_ / ("parts" + std::to_string(separator.size()));
    parts.threads = 2;
    TrainCallbacks callbacks;
    int64_t step = 0;
    callbacks.on_step = [&](const TrainStep& made) { step = made.step; };
    callbacks.should_stop = [&] { return step >= 5; };
    EXPECT_THROW(train(parts, callbacks), Error);
    parts.resume = true;
    EXPECT_EQ(train(parts).step, 8);
    for (const char* file : {"model.safetensors", "checkpoints/step-8/weights.safetensors", "checkpoints/step-8/optimizer.safetensors"}) {
      EXPECT_EQ(read_file(parts.output / file), read_file(whole.output / file)) << file;
    }
  }
}

TEST_F(TextTraining, EachVocabularyTrains) {
  for (const TextVocabulary vocabulary : {TextVocabulary::character, TextVocabulary::byte, TextVocabulary::bpe}) {
    TrainOptions o = options("model" + std::to_string(static_cast<int>(vocabulary)));
    o.vocabulary = vocabulary;
    if (vocabulary == TextVocabulary::bpe) o.vocab_size = 270;
    train(o);
    const Tokenizer tokenizer = Tokenizer::load(o.output);
    EXPECT_EQ(tokenizer.vocab_size(), vocabulary == TextVocabulary::character ? 2 + 16 : vocabulary == TextVocabulary::byte ? 257 : 270);
  }
}

TEST_F(TextTraining, AValidationTextOfItsOwnLeavesTheWholeTextToTraining) {
  write_file_atomically(root_ / "valid", "0 und 1.\n?");
  TrainOptions o = options("model");
  o.valid_text = root_ / "valid";
  std::vector<std::string> messages;
  TrainCallbacks callbacks;
  callbacks.on_message = [&](const std::string& message) { messages.push_back(message); };
  train(o, callbacks);
  EXPECT_THAT(messages, testing::Contains(HasSubstr(fmt::format("training: {} tokens", text_.size()))));
  EXPECT_THAT(messages, testing::Contains(HasSubstr("validation: 10 tokens; 1 of them are outside of the vocabulary")));
}

TEST_F(TextTraining, ResumingWithAnotherTextOrContextIsRefused) {
  TrainOptions o = options("model");
  o.max_steps = 2;
  o.schedule_steps = 8;
  train(o);
  o.resume = true;
  o.max_steps = 8;
  TrainOptions other = o;
  other.context = 13;
  EXPECT_THAT(refusal(other, ErrorCode::invalid_argument), HasSubstr("context is 13, but this training began with 12"));
  other = o;
  other.valid_fraction = 0.2;
  EXPECT_THAT(refusal(other, ErrorCode::invalid_argument), HasSubstr("the training text is not the one"));
  train(o);
}

TEST_F(TextTraining, TextsThatCannotBeLearntAreOneLineEachAndLeaveNothing) {
  write_file_atomically(root_ / "text", "a");
  EXPECT_THAT(refusal(options("model"), ErrorCode::bad_input), HasSubstr("too short"));
  write_file_atomically(root_ / "text", "abc\xFFxx\n");
  EXPECT_THAT(refusal(options("model"), ErrorCode::bad_input), HasSubstr("line 1 is not valid UTF-8"));
  write_file_atomically(root_ / "text", "ab");
  EXPECT_THAT(refusal(options("model"), ErrorCode::bad_input), HasSubstr("single token"));
  EXPECT_FALSE(std::filesystem::exists(root_ / "model"));
}

}  // namespace
}  // namespace qkv
