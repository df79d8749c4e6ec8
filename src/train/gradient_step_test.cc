#include "train/gradient_step.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "nn/uniform_config.h"

namespace qkv {
namespace {

// Stands for process `process` of `processes`; the test adds the gradients.
class Share final : public GradientExchange {
 public:
  Share(int process, int processes) : process_(process), processes_(processes) {}
  int processes() const override { return processes_; }
  int process() const override { return process_; }
  void sum(ParameterStore&, double&) override { ++calls; }
  int calls = 0;

 private:
  int process_, processes_;
};

class GradientStepTest : public testing::Test {
 protected:
  GradientStepTest() {
    UniformConfig config;
    config.vocab_size = 20;
    config.hidden_size = 16;
    config.encoder_layers = config.decoder_layers = 1;
    config.num_attention_heads = config.num_key_value_heads = 2;
    config.encoder_ffn_dim = config.decoder_ffn_dim = 24;
    config.max_position_embeddings = 16;
    config.dropout = 0.3f;
    model_ = create_model(config, 1);
    options_.dtype = TrainPrecision::f32;
  }

  static TrainingBatch batch(std::vector<int32_t> source, std::vector<int32_t> target) {
    const auto packed = [](std::vector<int32_t> ids) {
      const auto length = static_cast<int32_t>(ids.size());
      return TokenBatch{std::move(ids), Segments::of_lengths(std::span(&length, 1))};
    };
    TrainingBatch result;
    result.target_out = target;
    result.target_in = packed(std::move(target));
    result.source = packed(std::move(source));
    return result;
  }
  static Update update(std::vector<TrainingBatch> batches, int64_t target_tokens) {
    Update result;
    result.batches = std::move(batches);
    result.target_tokens = target_tokens;
    return result;
  }

  struct Found {
    StepResult result;
    std::vector<float> gradients;
  };
  Found compute(const Update& update, int64_t first_batch, GradientExchange& exchange) {
    GradientStep step(*model_, nullptr, options_, exchange);
    Found found{step.compute(update, first_batch, 1), {}};
    for (const Parameter& parameter : model_->parameters.all()) {
      const Tensor gradient = parameter.value.grad();
      const std::vector<float> values = gradient ? gradient.to_vector() : std::vector<float>(static_cast<size_t>(parameter.value.numel()));
      found.gradients.insert(found.gradients.end(), values.begin(), values.end());
      parameter.value.clear_grad();
    }
    return found;
  }

  std::unique_ptr<Model> model_;
  TrainOptions options_;
  const TrainingBatch first_ = batch({3, 4, 5}, {6, 7, 8, 9}), second_ = batch({10, 11}, {12, 13, 14}), empty_;
};

TEST_F(GradientStepTest, SharesOfProcessesAddUpToTheWholeUpdate) {
  const Update all = update({first_, second_, batch({4}, {5})}, 8);
  LocalExchange alone;
  const Found whole = compute(all, 5, alone);
  EXPECT_EQ(whole.result.batches, 3);
  std::vector<float> sum(whole.gradients.size());
  double loss = 0;
  for (const int process : {0, 1}) {
    Share share(process, 2);
    const Found part = compute(all, 5, share);
    EXPECT_EQ(share.calls, 1);
    EXPECT_EQ(part.result.batches, 3) << "every process counts all batches, so that all number the next ones alike";
    loss += part.result.loss_sum;
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += part.gradients[i];
  }
  EXPECT_NEAR(loss, whole.result.loss_sum, 1e-9);
  EXPECT_THAT(sum, testing::Pointwise(testing::FloatNear(1e-6f), whole.gradients));
}

TEST_F(GradientStepTest, DropoutDependsOnTheBatchsNumberNotOnWhoComputesIt) {
  LocalExchange alone;
  Share second_of_two(1, 2);
  const Found here = compute(update({second_}, 7), 6, alone);
  EXPECT_EQ(compute(update({first_, second_}, 7), 5, second_of_two).gradients, here.gradients);
  EXPECT_NE(compute(update({second_}, 7), 7, alone).gradients, here.gradients) << "another place, other dropout";
}

TEST_F(GradientStepTest, BatchesThatPredictNothingHaveNoNumber) {
  LocalExchange alone;
  const Found found = compute(update({empty_, second_}, 3), 5, alone);
  EXPECT_EQ(found.result.batches, 1);
  EXPECT_EQ(found.gradients, compute(update({second_}, 3), 5, alone).gradients);
}

TEST_F(GradientStepTest, ProcessWithoutABatchTakesPartAllTheSame) {
  Share third(2, 3);
  const Found found = compute(update({first_, second_}, 7), 0, third);
  EXPECT_EQ(third.calls, 1) << "the others wait for it";
  EXPECT_EQ(found.result.loss_sum, 0);
  EXPECT_EQ(found.result.gradient_norm, 0);
}

}  // namespace
}  // namespace qkv
