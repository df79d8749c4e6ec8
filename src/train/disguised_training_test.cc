// Trains on a device with memory that the host cannot access and kernels that run asynchronously; the results equal the CPU's bit by bit.
#include <gtest/gtest.h>

#include <algorithm>

#include "autograd/backward.h"
#include "models/model.h"
#include "nn/uniform_config.h"
#include "train/optimizer.h"

namespace qkv {
namespace {

struct Trained {
  std::vector<double> losses;
  std::vector<std::vector<float>> weights, averages;
};

TokenBatch batch_of(int seed, std::initializer_list<int32_t> lengths) {
  TokenBatch batch{{}, Segments::of_lengths(std::vector<int32_t>(lengths))};
  for (int64_t i = 0; i < batch.segments.tokens(); ++i) batch.ids.push_back(static_cast<int32_t>((i * 7 + seed * 13) % 40));
  return batch;
}

Trained train_on(Device device, const TransformerConfig& config, DType dtype) {
  const std::unique_ptr<Model> model = create_model(config, 5, device), averages = create_model(config, 5, device);
  AdamW optimizer(model->parameters, {.weight_decay = 0.01, .clip_norm = 1, .average_decay = 0.9}, &averages->parameters);
  Trained result;
  for (int step = 0; step < 20; ++step) {
    in_stream(device, [&] {
      const TokenBatch source = batch_of(step, {5, 9, 1}), target = batch_of(step + 1, {4, 12, 3});
      std::vector<int32_t> out = target.ids;
      std::rotate(out.begin(), out.begin() + 1, out.end());
      ForwardContext context;
      context.dtype = dtype;
      context.training = true;
      context.step = static_cast<uint32_t>(step);
      Tape tape;
      const RecordScope recording(&tape);
      const CrossEntropyResult loss = model->network.loss(source, target, out, 0.1f, 1.0f / static_cast<float>(out.size()), context);
      result.losses.push_back(loss.loss_sum);
      backward(tape, loss.loss);
      optimizer.step(0.001, optimizer.gradient_norm());
    });
  }
  for (const Parameter& each : model->parameters.all()) result.weights.push_back(each.value.to_vector());
  for (const Parameter& each : averages->parameters.all()) result.averages.push_back(each.value.to_vector());
  return result;
}

UniformConfig small() {
  UniformConfig config;
  config.vocab_size = 40;
  config.hidden_size = 32;
  config.encoder_layers = config.decoder_layers = 2;
  config.num_attention_heads = config.num_key_value_heads = 4;
  config.encoder_ffn_dim = config.decoder_ffn_dim = 64;
  config.max_position_embeddings = 40;
  config.eos_token_ids = {1};
  config.pad_token_id = config.decoder_start_token_id = 0;
  config.dropout = config.attention_dropout = 0.1f;
  return config;
}

TEST(DisguisedTraining, TwentyStepsGiveTheBitsOfTheCpu) {
  UniformConfig paper = small(), llama = small(), t5 = small();
  llama.norm = NormKind::rms;
  llama.position = Position::rope;
  llama.activation = Activation::silu;
  llama.gated_ffn = true;
  llama.num_key_value_heads = 2;
  t5.position = Position::t5;
  t5.tie_word_embeddings = false;
  for (const UniformConfig& config : {paper, llama, t5}) {
    for (const DType dtype : {DType::f32, DType::bf16}) {
      const Trained found = train_on(Device::disguised, config, dtype), expected = train_on(Device::cpu, config, dtype);
      EXPECT_EQ(found.losses, expected.losses);
      EXPECT_EQ(found.weights, expected.weights);
      EXPECT_EQ(found.averages, expected.averages);
      EXPECT_LT(found.losses.back(), found.losses.front());
    }
  }
}

}  // namespace
}  // namespace qkv
