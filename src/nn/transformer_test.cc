#include "nn/transformer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "autograd/backward.h"
#include "base/parallel.h"
#include "decode/step.h"
#include "nn/test_networks.h"
#include "tests/op_matrix.h"

namespace qkv {
namespace {

// The loss of one training step, including dropout; the gradients remain in the store.
double step_loss(Fixture& f, DType dtype = DType::f32, bool with_gradient = true, Recompute recompute = Recompute::none) {
  ForwardContext context;
  context.dtype = dtype;
  context.training = true;
  context.seed = 5;
  context.step = 17;
  context.recompute = recompute;
  Tape tape;
  CrossEntropyResult result;
  {
    RecordScope scope(with_gradient ? &tape : nullptr);
    if (f.network.config().has_decoder()) {
      result = f.network.loss(f.source, f.target, f.target_out, 0.1f, 1.0f / 11, context);
    } else {
      result =
          f.network.loss_of_rows(f.source, std::vector<int32_t>{0, 3, 12, 5}, std::vector<int32_t>{2, 0, 1, 2}, 0.1f, 1.0f / 11, context);
    }
  }
  if (with_gradient) backward(tape, result.loss);
  return result.loss_sum / 11;
}

TEST(Transformer, GradientsOfEveryWeightEqualFiniteDifferencesWithDropout) {
  for (const auto& [name, config] : variants_and_encoders()) {
    SCOPED_TRACE(name);
    Fixture f(config, Device::reference);
    step_loss(f);
    for (const Parameter& parameter : f.store.all()) {
      const Tensor gradient = parameter.value.grad();
      double& value = parameter.value.host<double>()[parameter.value.numel() / 2];
      const double kept = value, h = 1e-5;
      value = kept + h;
      const double above = step_loss(f, DType::f32, false);
      value = kept - h;
      const double below = step_loss(f, DType::f32, false);
      value = kept;
      EXPECT_NEAR(gradient.host<double>()[parameter.value.numel() / 2], (above - below) / (2 * h), 2e-8) << parameter.name;
    }
  }
}

// Squared distance of all gradients from the reference's, relative to the reference's squared length.
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

TEST(Transformer, LossAndGradientsOnTheCpuEqualTheReference) {
  for (const auto& [name, config] : variants_and_encoders()) {
    SCOPED_TRACE(name);
    Fixture reference(config, Device::reference), f32(config), bf16(config);
    const double expected = step_loss(reference);
    EXPECT_NEAR(step_loss(f32), expected, 1e-5);
    EXPECT_NEAR(step_loss(bf16, DType::bf16), expected, 2e-2);
    EXPECT_LT(gradient_error(f32, reference), 1e-5);
    EXPECT_LT(gradient_error(bf16, reference), 3e-2);
  }
}

std::vector<float> all_gradients(const Fixture& f) {
  std::vector<float> all;
  for (const Parameter& p : f.store.all()) {
    const auto g = p.value.grad().to_vector();
    all.insert(all.end(), g.begin(), g.end());
  }
  return all;
}

TEST(Transformer, SameBitsOnOneAndTwoThreads) {
  const int before = num_threads();
  for (const auto& [name, config] : variants_and_encoders()) {
    SCOPED_TRACE(name);
    std::vector<std::vector<float>> gradients;
    for (int threads : {1, 2}) {
      set_num_threads(threads);
      Fixture f(config);
      step_loss(f);
      gradients.push_back(all_gradients(f));
    }
    EXPECT_EQ(gradients[0], gradients[1]);
  }
  set_num_threads(before);
}

TEST(Transformer, WhatIsForgottenAndRecomputedGivesTheSameBits) {
  for (const auto& [name, config] : variants_and_encoders()) {
    SCOPED_TRACE(name);
    Fixture kept(config);
    const double loss = step_loss(kept);
    for (const Recompute recompute : {Recompute::attention, Recompute::layer}) {
      Fixture f(config);
      EXPECT_EQ(step_loss(f, DType::f32, true, recompute), loss);
      EXPECT_EQ(all_gradients(f), all_gradients(kept));
    }
  }
}

// Two layers of one group are one layer applied twice.
TEST(Transformer, LayersOfAGroupShareTheirWeights) {
  UniformConfig config = as_uniform(encoders().front().config);
  config.dropout = config.attention_dropout = config.activation_dropout = 0;
  config.layer_groups = 1;
  Fixture shared(config);
  config.layer_groups = 0;
  Fixture apart(config);
  for (Parameter& parameter : apart.store.all()) {
    std::string name = parameter.name;
    if (const size_t at = name.find("layers.1."); at != std::string::npos) name.replace(at, 9, "layers.0.");
    parameter.value.copy_from(shared.store.find(name)->value);
    parameter.value.touch();
  }
  EXPECT_LT(shared.store.count(), apart.store.count());
  EXPECT_EQ(step_loss(shared), step_loss(apart));
}

// A label depends only on its own sequence, not on the other sequences or their positions in the batch.
TEST(Transformer, RowsOfAnEncoderPredictTheSameAmongNeighbours) {
  for (const auto& [name, config] : encoders()) {
    SCOPED_TRACE(name);
    const Fixture f(config);
    ForwardContext context;
    const auto logits_of = [&](const TokenBatch& batch, const std::vector<int32_t>& rows) {
      return f.network.logits_of_rows(f.network.encode(batch, context), batch.segments, rows, context);
    };
    const Tensor together = logits_of(f.source, {0, 3, 12});
    for (int32_t i = 0; i < 3; ++i) {
      const int32_t begin = f.source.segments.begin(i), length = f.source.segments.length(i);
      const auto part = [&](const std::vector<int32_t>& all) {
        return all.empty() ? all : std::vector<int32_t>(all.begin() + begin, all.begin() + begin + length);
      };
      const TokenBatch alone{part(f.source.ids), Segments::of_lengths(std::span(&length, 1)), part(f.source.token_types)};
      EXPECT_EQ(logits_of(alone, {0}).to_vector(), together.row_range(i, 1).to_vector());
    }
  }
}

// One sequence for each sequence of the fixture, starting with the first `count` tokens of its target.
std::vector<Sequence> join_all(Step& step, const Fixture& f, ForwardContext& context, const std::function<int32_t(int32_t)>& count) {
  std::vector<KvCache::Table> sources(3);
  if (f.network.config().has_encoder()) sources = step.add_sources(f.network.encode(f.source, context), f.source.segments);
  std::vector<Sequence> sequences;
  for (int32_t i = 0; i < 3; ++i) {
    const auto first = f.target.ids.begin() + f.target.segments.begin(i);
    sequences.push_back(step.join({first, first + count(f.target.segments.length(i))}, {}, {}, std::move(sources[i])));
  }
  return sequences;
}

TEST(Transformer, StepByStepLogitsEqualTheTeacherForcedOnes) {
  for (const auto& [name, config] : variants()) {
    SCOPED_TRACE(name);
    const Fixture f(config);
    ForwardContext context;
    const Tensor memory = f.network.encode(f.source, context);
    const Tensor expected = f.network.logits(f.network.decode(f.target, memory, f.source.segments, context));
    Step step(f.network, context);
    std::vector<Sequence> sequences = join_all(step, f, context, [](int32_t) { return 1; });
    std::vector<int32_t> order{0, 1, 2};
    for (int32_t position = 0; position < 5; ++position) {
      std::reverse(order.begin(), order.end());
      std::erase_if(order, [&](int32_t i) { return position >= f.target.segments.length(i); });
      std::vector<Sequence*> batch;
      for (const int32_t i : order) {
        if (position > 0) sequences[i].append(f.target.ids[f.target.segments.begin(i) + position]);
        batch.push_back(&sequences[i]);
      }
      const Tensor logits = step.run(batch);
      for (size_t i = 0; i < order.size(); ++i) {
        const Tensor row = expected.row_range(f.target.segments.begin(order[i]) + position, 1);
        EXPECT_LT(testing::relative_error(logits.row_range(static_cast<int64_t>(i), 1), row), 1e-5);
      }
    }
  }
}

// Reads a prompt at once and then the last token, and compares with the teacher-forced logits.
TEST(Transformer, RunsOfTokensGiveTheLogitsOfTheirLast) {
  for (const auto& [name, config] : variants()) {
    SCOPED_TRACE(name);
    const Fixture f(config);
    ForwardContext context;
    const Tensor memory = f.network.encode(f.source, context);
    const Tensor expected = f.network.logits(f.network.decode(f.target, memory, f.source.segments, context));
    Step step(f.network, context);
    std::vector<Sequence> sequences = join_all(step, f, context, [](int32_t length) { return length - 1; });
    const Segments& all = f.target.segments;
    for (const bool second : {false, true}) {
      const std::vector<int32_t> order = second ? std::vector<int32_t>{2, 0, 1} : std::vector<int32_t>{0, 1, 2};
      std::vector<Sequence*> batch;
      for (const int32_t i : order) {
        if (second) sequences[i].append(f.target.ids[all.begin(i) + all.length(i) - 1]);
        batch.push_back(&sequences[i]);
      }
      const Tensor logits = step.run(batch);
      for (int64_t i = 0; i < 3; ++i) {
        const int64_t last = all.begin(order[i]) + all.length(order[i]) - (second ? 1 : 2);
        EXPECT_LT(testing::relative_error(logits.row_range(i, 1), expected.row_range(last, 1)), 1e-5) << i;
      }
    }
  }
}

// The map of the last token's query, recorded during generation, equals the last row of the teacher-forced map.
TEST(Transformer, AttentionIsReportedWhileGenerating) {
  UniformConfig config = decoder_only(NormPlace::pre);
  config.position = Position::rope;
  const Fixture f(config);
  const auto last_row = [](const AttentionRecord& record) {
    return attention_map(record.q, record.k, record.log_sum_exp, record.queries, record.keys, record.options, 0, 3,
                         record.queries.length(0) - 1, 1)
        .to_vector();
  };
  std::vector<float> map;
  ForwardContext context;
  context.on_attention = [&](const AttentionRecord& record) {
    if (record.layer == 1) map = last_row(record);
  };
  f.network.decode(f.target, {}, {}, context);
  const std::vector<float> expected = map;
  Step step(f.network, context);
  Sequence sequence = step.join({f.target.ids[0]});
  for (int32_t at = 0; at < f.target.segments.length(0); ++at) {
    if (at > 0) sequence.append(f.target.ids[at]);
    step.run(std::vector{&sequence});
  }
  ASSERT_EQ(map.size(), expected.size());
  for (size_t i = 0; i < map.size(); ++i) EXPECT_NEAR(map[i], expected[i], 1e-5);
}

// The derivative of row i of a layer's output by row j of its input is non-zero for all pairs in an encoder, and exactly zero for j > i in
// a decoder.
TEST(Transformer, TheCausalMaskMakesTheJacobiansUpperTriangleExactlyZero) {
  constexpr int64_t kTokens = 5;
  for (const bool decoder : {false, true}) {
    const TransformerConfig config = decoder ? decoder_only(NormPlace::post) : small_config(NormPlace::post);
    const Side side = decoder ? Side::decoder : Side::encoder;
    ParameterStore store(3, true);
    const Block block(config.stack(side).front(), config.hidden_size, {}, side, ParameterScope(store));
    const Segments segments = Segments::of_lengths(std::vector<int32_t>{kTokens});
    BlockPass pass;
    pass.self = std::make_shared<const AttentionPass>(AttentionPass{segments, segments, {}});
    for (int64_t i = 0; i < kTokens; ++i) {
      std::vector<float> values, selected(kTokens * 16, 0);
      RandomStream random(7, 1), direction(8, 1);
      for (int64_t at = 0; at < kTokens * 16; ++at) values.push_back(random.normal());
      for (int64_t column = 0; column < 16; ++column) selected[i * 16 + column] = direction.normal();
      const Tensor x = Tensor::from(values, {kTokens, 16});
      x.set_requires_grad(true);
      ForwardContext context;
      Tape tape;
      Tensor y;
      {
        RecordScope recording(&tape);
        y = block.forward(x, pass, nullptr, context);
      }
      backward_from(tape, y, Tensor::from(selected, {kTokens, 16}));
      const std::vector<float> gradient = x.grad().to_vector();
      for (int64_t j = 0; j < kTokens; ++j) {
        float largest = 0;
        for (int64_t column = 0; column < 16; ++column) largest = std::max(largest, std::abs(gradient[j * 16 + column]));
        if (decoder && j > i) {
          EXPECT_EQ(largest, 0) << i << ", " << j;
        } else {
          EXPECT_GT(largest, 1e-6f) << i << ", " << j;
        }
      }
    }
  }
}

TEST(Transformer, MemoryOfATrainingStepStopsGrowing) {
  Fixture f(small_config(NormPlace::post));
  for (int i = 0; i < 3; ++i) step_loss(f);
  const int64_t before = memory_statistics().system_allocations;
  for (int i = 0; i < 3; ++i) step_loss(f);
  EXPECT_EQ(memory_statistics().system_allocations, before);
}

}  // namespace
}  // namespace qkv
