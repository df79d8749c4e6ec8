#include "nn/encoder_decoder.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autograd/backward.h"
#include "base/parallel.h"
#include "tests/op_matrix.h"

namespace qkv {
namespace {

TransformerConfig small_config(NormPosition norm) {
  TransformerConfig config;
  config.vocab_size = 23;
  config.hidden_size = 16;
  config.encoder_layers = config.decoder_layers = 2;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.encoder_ffn_dim = config.decoder_ffn_dim = 24;
  config.norm_position = norm;
  config.max_position_embeddings = 40;
  config.attention_dropout = config.activation_dropout = 0.1f;
  return config;
}

TokenBatch batch_of(std::span<const int32_t> lengths, uint32_t stream) {
  TokenBatch batch;
  batch.segments = Segments::of_lengths(lengths);
  RandomStream random(11, stream);
  for (int64_t i = 0; i < batch.segments.tokens(); ++i) batch.ids.push_back(static_cast<int32_t>(random.below(23)));
  return batch;
}

struct Fixture {
  explicit Fixture(NormPosition norm, Device device = Device::cpu) : store(3, true, device), network(small_config(norm), store) {}
  ParameterStore store;
  EncoderDecoder network;
  TokenBatch source = batch_of(std::vector<int32_t>{3, 9, 1}, 1), target = batch_of(std::vector<int32_t>{5, 4, 2}, 2);
  std::vector<int32_t> target_out = batch_of(std::vector<int32_t>{11}, 3).ids;
};

// The loss of one training step, dropout included; the gradients stay in the store.
double step_loss(Fixture& f, DType dtype = DType::f32, bool with_gradient = true) {
  ForwardContext context;
  context.dtype = dtype;
  context.training = true;
  context.seed = 5;
  context.step = 17;
  Tape tape;
  CrossEntropyResult result;
  {
    RecordScope scope(with_gradient ? &tape : nullptr);
    result = f.network.loss(f.source, f.target, f.target_out, 0.1f, 1.0f / 11, context);
  }
  if (with_gradient) backward(tape, result.loss);
  return result.loss_sum / 11;
}

TEST(EncoderDecoder, GradientsOfEveryWeightEqualFiniteDifferencesWithDropout) {
  for (NormPosition norm : {NormPosition::post, NormPosition::pre}) {
    Fixture f(norm, Device::reference);
    step_loss(f);
    for (const Parameter& parameter : f.store.all()) {
      const Tensor gradient = parameter.value.grad();
      double& value = parameter.value.as<double>()[parameter.value.numel() / 2];
      const double kept = value, h = 1e-5;
      value = kept + h;
      const double above = step_loss(f, DType::f32, false);
      value = kept - h;
      const double below = step_loss(f, DType::f32, false);
      value = kept;
      EXPECT_NEAR(gradient.as<double>()[parameter.value.numel() / 2], (above - below) / (2 * h), 2e-8) << parameter.name;
    }
  }
}

// Squared distance of all gradients to the reference's, over the reference's squared length.
double gradient_error(const Fixture& f, const Fixture& reference) {
  double difference = 0, length = 0;
  for (size_t i = 0; i < f.store.all().size(); ++i) {
    const auto got = f.store.all()[i].value.grad().to_vector(), expected = reference.store.all()[i].value.grad().to_vector();
    for (size_t j = 0; j < got.size(); ++j) {
      difference += std::pow(got[j] - expected[j], 2);
      length += std::pow(expected[j], 2);
    }
  }
  return std::sqrt(difference / length);
}

TEST(EncoderDecoder, LossAndGradientsOnTheCpuEqualTheReference) {
  for (NormPosition norm : {NormPosition::post, NormPosition::pre}) {
    Fixture reference(norm, Device::reference), f32(norm), bf16(norm);
    const double expected = step_loss(reference);
    EXPECT_NEAR(step_loss(f32), expected, 1e-5);
    EXPECT_NEAR(step_loss(bf16, DType::bf16), expected, 2e-2);
    EXPECT_LT(gradient_error(f32, reference), 1e-5);
    EXPECT_LT(gradient_error(bf16, reference), 3e-2);
  }
}

TEST(EncoderDecoder, SameBitsOnOneAndTwoThreads) {
  const int before = num_threads();
  std::vector<std::vector<float>> gradients;
  for (int threads : {1, 2}) {
    set_num_threads(threads);
    Fixture f(NormPosition::post);
    step_loss(f);
    gradients.emplace_back();
    for (const Parameter& p : f.store.all()) {
      const auto g = p.value.grad().to_vector();
      gradients.back().insert(gradients.back().end(), g.begin(), g.end());
    }
  }
  set_num_threads(before);
  EXPECT_EQ(gradients[0], gradients[1]);
}

TEST(EncoderDecoder, StepByStepLogitsEqualTheTeacherForcedOnes) {
  for (NormPosition norm : {NormPosition::post, NormPosition::pre}) {
    const Fixture f(norm);
    ForwardContext context;
    const Tensor memory = f.network.encode(f.source, context);
    const Tensor expected = f.network.logits(f.network.decode(f.target, memory, f.source.segments, context));
    DecoderState state = f.network.start(memory, f.source.segments, context);
    std::vector<int32_t> alive{0, 1, 2};  // sequences by the index of their hypothesis in the last step
    for (int32_t position = 0; position < 5; ++position) {
      std::vector<int32_t> tokens, parents, sources;
      for (int32_t i = static_cast<int32_t>(alive.size()) - 1; i >= 0; --i) {  // reversed every time: history must follow
        if (position >= f.target.segments.length(alive[i])) continue;
        tokens.push_back(f.target.ids[f.target.segments.begin(alive[i]) + position]);
        parents.push_back(i);
        sources.push_back(alive[i]);
      }
      const Tensor logits = f.network.step(state, tokens, parents, sources, context);
      for (size_t i = 0; i < sources.size(); ++i) {
        const Tensor row = expected.row_range(f.target.segments.begin(sources[i]) + position, 1);
        EXPECT_LT(testing::relative_error(logits.row_range(static_cast<int64_t>(i), 1), row), 1e-5);
      }
      alive = sources;
    }
  }
}

TEST(EncoderDecoder, MemoryOfATrainingStepStopsGrowing) {
  Fixture f(NormPosition::post);
  for (int i = 0; i < 3; ++i) step_loss(f);
  const int64_t before = memory_statistics().system_allocations;
  for (int i = 0; i < 3; ++i) step_loss(f);
  EXPECT_EQ(memory_statistics().system_allocations, before);
}

TEST(TransformerConfig, HeadsThatDoNotDivideAreRefusedWithThePossibleOnes) {
  TransformerConfig config = small_config(NormPosition::post);
  config.num_key_value_heads = 3;
  try {
    validate(config);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "num_key_value_heads 3 does not divide num_attention_heads 4; possible: 1, 2, 4");
  }
}

}  // namespace
}  // namespace qkv
