#include "train/gradient_step.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "base/files.h"
#include "base/parallel.h"
#include "base/temporary_directory.h"
#include "io/safetensors.h"
#include "nn/uniform_config.h"
#include "processes/thread_group.h"
#include "train/moments_file.h"

namespace qkv {
namespace {

class GradientStepTest : public testing::Test {
 protected:
  GradientStepTest() {
    UniformConfig& config = config_;
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
  Found compute(const Update& update, int64_t first_batch, int slices = 1) {
    const GradientExchange exchange(process_group(), slices);
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

  // The weights, and their averages, after some updates of a new model by several processes, as each of them has them.
  struct Trained {
    std::vector<std::vector<float>> weights, averages;
    double loss = 0, norm = 0;
  };
  std::vector<Trained> train(int processes, int slices, const std::vector<Update>& updates) {
    std::vector<Trained> all(static_cast<size_t>(processes));
    run_processes(processes, [&](ProcessGroup& group) {
      const std::unique_ptr<Model> model = create_model(config_, 1), averaged = create_model(config_, 1);
      const GradientExchange exchange(group, slices, transfer_);
      GradientStep step(*model, averaged.get(), options_, exchange);
      Trained& mine = all[static_cast<size_t>(group.rank())];
      int64_t batches = 0;
      for (size_t i = 0; i < updates.size(); ++i) {
        const StepResult result = step.compute(updates[i], batches, static_cast<int64_t>(i) + 1);
        batches += result.batches;
        step.apply(result);
        mine.loss = result.loss;
        mine.norm = result.gradient_norm;
      }
      step.share_averages();
      for (const Parameter& parameter : model->parameters.all()) mine.weights.push_back(parameter.value.to_vector());
      for (const Parameter& parameter : averaged->parameters.all()) mine.averages.push_back(parameter.value.to_vector());
    });
    return all;
  }

  // Four updates of different shapes: fewer and more batches than slices, few sequences, and a batch that predicts nothing.
  std::vector<Update> updates() const {
    std::vector<int32_t> lengths(24);
    TrainingBatch wide;
    for (int32_t i = 0; i < 24; ++i) {
      lengths[static_cast<size_t>(i)] = 1 + i % 5;
      for (int32_t j = 0; j <= i % 5; ++j) {
        wide.source.ids.push_back(3 + (7 * i + j) % 17);
        wide.target_in.ids.push_back(3 + (5 * i + j) % 17);
        wide.target_out.push_back(3 + (5 * i + j + 1) % 17);
      }
    }
    wide.source.segments = wide.target_in.segments = Segments::of_lengths(lengths);
    const auto tokens = std::ssize(wide.target_out);
    return {update({wide}, tokens), update({wide, first_, empty_, second_}, tokens + 7), update(std::vector<TrainingBatch>(16, first_), 64),
            update({second_}, 3)};
  }

  UniformConfig config_;
  DType transfer_ = DType::f32;
  std::unique_ptr<Model> model_;
  TrainOptions options_;
  const TrainingBatch first_ = batch({3, 4, 5}, {6, 7, 8, 9}), second_ = batch({10, 11}, {12, 13, 14}), empty_;
};

TEST_F(GradientStepTest, SlicesAddUpToTheWholeUpdateWithoutDropout) {
  config_.dropout = 0;
  model_ = create_model(config_, 1);
  for (const Update& each : updates()) {
    const Found whole = compute(each, 5), sliced = compute(each, 5, 8);
    EXPECT_EQ(sliced.result.batches, whole.result.batches) << "all number the next batches alike";
    EXPECT_NEAR(sliced.result.loss_sum, whole.result.loss_sum, 1e-4);
    EXPECT_NEAR(sliced.result.gradient_norm, whole.result.gradient_norm, 1e-5);
    EXPECT_THAT(sliced.gradients, testing::Pointwise(testing::FloatNear(2e-6f), whole.gradients));
  }
}

TEST_F(GradientStepTest, AnyNumberOfProcessesGivesTheBitsOfOne) {
  const int threads = num_threads();
  set_num_threads(1);  // the processes of this test are threads
  options_.clip_norm = 0.1;
  options_.ema_decay = 0.9;
  options_.weight_decay = 0.01;
  options_.warmup_steps = 1;
  for (const TrainPrecision dtype : {TrainPrecision::f32, TrainPrecision::bf16}) {
    options_.dtype = dtype;
    const Trained alone = train(1, 16, updates()).front();
    ASSERT_GT(alone.norm, 0.1) << "the gradients must be clipped";
    for (const int processes : {2, 4, 8, 16}) {
      for (const Trained& each : train(processes, 16, updates())) {
        EXPECT_EQ(each.loss, alone.loss);
        EXPECT_EQ(each.norm, alone.norm);
        EXPECT_EQ(each.weights, alone.weights) << processes;
        EXPECT_EQ(each.averages, alone.averages) << processes;
      }
    }
    EXPECT_NE(train(1, 8, updates()).front().weights, alone.weights) << "the slices decide the bits";
  }
  set_num_threads(threads);
}

TEST_F(GradientStepTest, GradientsThatTravelInBf16AreNearTheOthers) {
  const int threads = num_threads();
  set_num_threads(1);
  options_.warmup_steps = 1;
  const Trained exact = train(4, 4, updates()).front();
  transfer_ = DType::bf16;
  const std::vector<Trained> rounded = train(4, 4, updates());
  EXPECT_NE(rounded.front().weights, exact.weights);
  EXPECT_NEAR(rounded.front().norm, exact.norm, 0.02 * exact.norm);
  for (const Trained& each : rounded) EXPECT_EQ(each.weights, rounded.front().weights) << "all processes have the same";
  set_num_threads(threads);
}

TEST_F(GradientStepTest, MomentsOfAllProcessesMakeTheFileOfOne) {
  const int threads = num_threads();
  set_num_threads(1);
  const TemporaryDirectory folder;
  NamedTensors expected;
  const auto process = [&](ProcessGroup& group) {
    const std::unique_ptr<Model> model = create_model(config_, 1);
    const GradientExchange exchange(group, 16);
    GradientStep step(*model, nullptr, options_, exchange);
    step.apply(step.compute(updates()[0], 0, 1));
    write_moments(group.first() ? folder.path() : "", model->parameters, step.optimizer(), exchange);
    GradientStep other(*model, nullptr, options_, exchange);
    read_moments(folder.path(), model->parameters, other.optimizer(), exchange);
    EXPECT_EQ(other.optimizer().m_values().to_vector(), step.optimizer().m_values().to_vector());
    EXPECT_EQ(other.optimizer().v_values().to_vector(), step.optimizer().v_values().to_vector());
    if (group.size() > 1) return;
    for (size_t i = 0; i < model->parameters.all().size(); ++i) {
      expected.emplace_back("m." + model->parameters.all()[i].name, step.optimizer().m()[i]);
      expected.emplace_back("v." + model->parameters.all()[i].name, step.optimizer().v()[i]);
    }
  };
  for (const int processes : {1, 4, 16}) {
    run_processes(processes, process);
    write_safetensors(folder / "expected", expected);
    EXPECT_TRUE(read_file(folder / "optimizer.safetensors") == read_file(folder / "expected")) << processes << " processes";
  }
  set_num_threads(threads);
}

TEST_F(GradientStepTest, DropoutDependsOnTheBatchsNumber) {
  const Found here = compute(update({second_}, 7), 6);
  EXPECT_EQ(compute(update({second_}, 7), 6).gradients, here.gradients);
  EXPECT_NE(compute(update({second_}, 7), 7).gradients, here.gradients) << "another place, other dropout";
}

TEST_F(GradientStepTest, BatchesThatPredictNothingHaveNoNumber) {
  const Found found = compute(update({empty_, second_}, 3), 5);
  EXPECT_EQ(found.result.batches, 1);
  EXPECT_EQ(found.gradients, compute(update({second_}, 3), 5).gradients);
}

}  // namespace
}  // namespace qkv
