#include "view/head_trace.h"

#include <gtest/gtest.h>

#include <cmath>

#include "models/model.h"
#include "nn/uniform_config.h"

namespace qkv {
namespace {

const std::vector<int32_t> kSource{5, 9, 12, 33, 7, 0}, kTargetIn{47, 8, 3, 41, 20};

std::unique_ptr<Model> open_model(const char* name, Device device) {
  return load_model(std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens/models" / name,
                    device == Device::reference ? DType::f64 : DType::f32, device);
}

void expect_near(const char* what, const AttentionMatrix& a, const AttentionMatrix& b, double tolerance) {
  ASSERT_EQ(a.rows, b.rows) << what;
  ASSERT_EQ(a.cols, b.cols) << what;
  for (size_t i = 0; i < a.values.size(); ++i) {
    if (std::isinf(b.values[i])) {
      EXPECT_EQ(a.values[i], b.values[i]) << what;
    } else {
      EXPECT_NEAR(a.values[i], b.values[i], tolerance) << what << " " << i;
    }
  }
}

struct Case {
  AttentionKind kind;
  int layer, head;
};

std::vector<Case> all_heads(const TransformerConfig& config) {
  std::vector<Case> cases;
  for (const AttentionKind kind : {AttentionKind::encoder, AttentionKind::decoder, AttentionKind::cross}) {
    for (int layer = 0; layer < layers_of(config, kind); ++layer) {
      const LayerConfig& mine = config.stack(kind == AttentionKind::encoder ? Side::encoder : Side::decoder)[static_cast<size_t>(layer)];
      for (int head = 0; head < mine.attention.num_heads; ++head) cases.push_back({kind, layer, head});
    }
  }
  return cases;
}

TEST(HeadTrace, EveryNumberAgreesWithTheDoubleReference) {
  for (const char* name : {"marian_post_norm", "pegasus_pre_norm"}) {
    const auto model = open_model(name, Device::cpu), reference = open_model(name, Device::reference);
    for (const Case& c : all_heads(model->config)) {
      SCOPED_TRACE(testing::Message() << name << ", kind " << static_cast<int>(c.kind) << ", layer " << c.layer << ", head " << c.head);
      const HeadTrace ours = trace_head(model->network, kSource, kTargetIn, c.kind, c.layer, c.head);
      const HeadTrace exact = trace_head(reference->network, kSource, kTargetIn, c.kind, c.layer, c.head, DType::f64);
      expect_near("q", ours.q, exact.q, 1e-5);
      expect_near("k", ours.k, exact.k, 1e-5);
      expect_near("v", ours.v, exact.v, 1e-5);
      expect_near("scores", ours.scores, exact.scores, 1e-5);
      expect_near("weights", ours.weights, exact.weights, 1e-5);
      expect_near("out", ours.out, exact.out, 1e-5);
    }
  }
}

// Recomputes Vaswani et al. 2017, equation 1, from the displayed numbers.
TEST(HeadTrace, WeightsAreTheSoftmaxOfTheScoresAndOutputTheirMeanOfValues) {
  const auto model = open_model("marian_post_norm", Device::cpu);
  for (const Case& c : all_heads(model->config)) {
    const HeadTrace trace = trace_head(model->network, kSource, kTargetIn, c.kind, c.layer, c.head);
    AttentionMatrix weights = trace.scores,
                    out{trace.q.rows, trace.v.cols, std::vector<double>(static_cast<size_t>(trace.q.rows * trace.v.cols))};
    for (int64_t i = 0; i < weights.rows; ++i) {
      double sum = 0;
      for (int64_t j = 0; j < weights.cols; ++j) sum += std::exp(weights.at(i, j));
      for (int64_t j = 0; j < weights.cols; ++j) {
        double& weight = weights.values[static_cast<size_t>(i * weights.cols + j)];
        weight = std::exp(weight) / sum;
        for (int64_t d = 0; d < out.cols; ++d) out.values[static_cast<size_t>(i * out.cols + d)] += weight * trace.v.at(j, d);
      }
    }
    expect_near("weights", trace.weights, weights, 1e-5);
    expect_near("out", trace.out, out, 1e-5);
  }
}

// Rows 2 and 5 of layer 1, head 1 by transformers 5.24 (eager attention, output_attentions=True) for ids 5 9 12 7 3 14.
TEST(HeadTrace, WeightsOfAnEncoderOrADecoderAloneAreThoseOfTransformers) {
  struct Golden {
    const char* name;
    AttentionKind kind;
    std::vector<double> third, last;
  };
  const Golden goldens[] = {{"causal_models/gpt2",
                             AttentionKind::decoder,
                             {0.548829, 0.428092, 0.023080, 0, 0, 0},
                             {0.486614, 0.155418, 0.079214, 0.122964, 0.109278, 0.046512}},
                            {"causal_models/llama",
                             AttentionKind::decoder,
                             {0.755935, 0.171751, 0.072314, 0, 0, 0},
                             {0.016809, 0.953008, 0.000047, 0.000011, 0.000017, 0.030107}},
                            {"causal_models/mistral",
                             AttentionKind::decoder,
                             {0.975374, 0.019940, 0.004687, 0, 0, 0},
                             {0, 0, 0.000026, 0.000012, 0.987986, 0.011976}},
                            {"encoder_models/masked_lm",
                             AttentionKind::encoder,
                             {0.052937, 0.623925, 0.057628, 0.004510, 0.003330, 0.257671},
                             {0.019013, 0.779545, 0.012823, 0.008329, 0.036645, 0.143645}}};
  const std::vector<int32_t> ids{5, 9, 12, 7, 3, 14};
  for (const Golden& golden : goldens) {
    SCOPED_TRACE(golden.name);
    const auto model = load_model(std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens" / golden.name);
    EXPECT_EQ(kinds_of(model->config), std::vector{golden.kind});
    const HeadTrace trace = trace_head(model->network, ids, ids, golden.kind, 1, 1);
    for (int64_t i = 0; i < 6; ++i) {
      EXPECT_NEAR(trace.weights.at(2, i), golden.third[static_cast<size_t>(i)], 2e-5);
      EXPECT_NEAR(trace.weights.at(5, i), golden.last[static_cast<size_t>(i)], 2e-5);
    }
    try {
      trace_head(model->network, ids, ids, AttentionKind::cross, 0, 0);
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()), std::string("kind cross: the model has no such attention; possible: ") + name_of(golden.kind));
    }
  }
}

TEST(HeadTrace, DecoderSeesNoFutureAndCrossAttentionTheWholeSource) {
  const auto model = open_model("marian_post_norm", Device::cpu);
  const HeadTrace decoder = trace_head(model->network, kSource, kTargetIn, AttentionKind::decoder, 1, 2);
  ASSERT_EQ(decoder.weights.rows, 5);
  ASSERT_EQ(decoder.weights.cols, 5);
  for (int64_t i = 0; i < 5; ++i) {
    for (int64_t j = 0; j < 5; ++j) EXPECT_EQ(decoder.weights.at(i, j) > 0, j <= i);
  }
  const HeadTrace cross = trace_head(model->network, kSource, kTargetIn, AttentionKind::cross, 0, 0);
  EXPECT_EQ(cross.weights.rows, 5);
  EXPECT_EQ(cross.weights.cols, 6);
}

TEST(HeadTrace, LayerAndHeadOutOfRangeNameThePossibleOnes) {
  const auto model = open_model("marian_post_norm", Device::cpu);
  const auto message = [&](int layer, int head) -> std::string {
    try {
      trace_head(model->network, kSource, kTargetIn, AttentionKind::cross, layer, head);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message(2, 0), "layer 2 does not exist; possible: 0 to 1");
  EXPECT_EQ(message(-1, 0), "layer -1 does not exist; possible: 0 to 1");
  EXPECT_EQ(message(0, 4), "head 4 does not exist; possible: 0 to 3");
}

TEST(HeadTrace, ScoresHoldTheRelativePositionsOfDisentangledAttention) {
  const std::vector<int32_t> ids{5, 9, 12, 7, 3, 14};
  for (const char* name : {"deberta_v2_masked_lm", "deberta_v3_masked_lm", "deberta_v2_plain_model"}) {
    SCOPED_TRACE(name);
    const auto model = load_model(std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens/encoder_models" / name);
    for (int head = 0; head < heads_of(model->config, AttentionKind::encoder, 1); ++head) {
      const HeadTrace trace = trace_head(model->network, ids, {}, AttentionKind::encoder, 1, head);
      for (int64_t i = 0; i < trace.scores.rows; ++i) {
        double sum = 0;
        for (int64_t j = 0; j < trace.scores.cols; ++j) sum += std::exp(trace.scores.at(i, j));
        for (int64_t j = 0; j < trace.scores.cols; ++j) EXPECT_NEAR(trace.weights.at(i, j), std::exp(trace.scores.at(i, j)) / sum, 1e-5);
      }
    }
  }
}

// The kernel's weights are the softmax of the displayed scores for all position schemes, windows and soft-caps.
TEST(HeadTrace, ScoresHoldBiasesWindowsAndSoftCaps) {
  for (const Position position : {Position::rope, Position::alibi, Position::t5}) {
    UniformConfig config;
    config.vocab_size = 50;
    config.hidden_size = 16;
    config.encoder_layers = config.decoder_layers = 1;
    config.num_attention_heads = config.num_key_value_heads = 2;
    config.encoder_ffn_dim = config.decoder_ffn_dim = 8;
    config.position = position;
    config.sliding_window = 3;
    TransformerConfig capped = config;
    capped.encoder[0].attention.soft_cap = capped.decoder[0].attention.soft_cap = 0.2f;
    capped.encoder[0].attention.scale = 3;
    const auto model = create_model(capped, 5);
    for (const AttentionKind kind : {AttentionKind::encoder, AttentionKind::decoder}) {
      const HeadTrace trace = trace_head(model->network, kSource, kTargetIn, kind, 0, 1);
      for (int64_t i = 0; i < trace.scores.rows; ++i) {
        double sum = 0;
        for (int64_t j = 0; j < trace.scores.cols; ++j) sum += std::exp(trace.scores.at(i, j));
        for (int64_t j = 0; j < trace.scores.cols; ++j) {
          EXPECT_NEAR(trace.weights.at(i, j), std::exp(trace.scores.at(i, j)) / sum, 1e-5) << static_cast<int>(position);
        }
      }
    }
  }
}

}  // namespace
}  // namespace qkv
