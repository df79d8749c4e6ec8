#include "view/network_trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "formats/json.h"
#include "view/head_trace.h"

namespace qkv {
namespace {

using testing::HasSubstr;

const std::vector<int32_t> kSource{5, 9, 12, 7, 3, 14}, kTargetIn{1, 8, 3, 11, 2};
const char* const kModels[] = {"models/marian_post_norm",
                               "models/pegasus_pre_norm",
                               "models/t5",
                               "causal_models/gpt2",
                               "causal_models/qwen3",
                               "encoder_models/masked_lm",
                               "encoder_models/classifier",
                               "encoder_models/albert_masked_lm",
                               "encoder_models/pooler"};

std::unique_ptr<Model> open_model(const std::string& name) {
  return load_model(std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens" / name);
}

NetworkTrace trace_of(const Model& model) {
  const AttentionKind kind = kinds_of(model.config).back();
  return trace_network(model, kSource, model.config.has_encoder() ? kTargetIn : kSource, {kind, layers_of(model.config, kind) - 1});
}

const AttentionMatrix* find(const NetworkTrace& trace, const std::string& name) {
  for (const NamedMatrix& each : trace.matrices) {
    if (each.name == name) return &each.values;
  }
  return nullptr;
}

void expect_near(const AttentionMatrix& a, const AttentionMatrix& b, const std::string& what) {
  ASSERT_EQ(a.rows, b.rows) << what;
  ASSERT_EQ(a.cols, b.cols) << what;
  for (size_t i = 0; i < a.values.size(); ++i) EXPECT_NEAR(a.values[i], b.values[i], 2e-5 * std::max(1.0, std::abs(b.values[i]))) << what;
}

// x W^T + b.
AttentionMatrix linear(const AttentionMatrix& x, const NetworkTrace& trace, const std::string& name) {
  const AttentionMatrix *weight = nullptr, *bias = nullptr;
  for (const NamedMatrix& each : trace.weights) {
    if (each.name == name + ".weight") weight = &each.values;
    if (each.name == name + ".bias") bias = &each.values;
  }
  AttentionMatrix y{x.rows, weight->rows, {}};
  for (int64_t i = 0; i < x.rows; ++i) {
    for (int64_t j = 0; j < weight->rows; ++j) {
      double sum = bias ? bias->values[static_cast<size_t>(j)] : 0;
      for (int64_t c = 0; c < x.cols; ++c) sum += x.at(i, c) * weight->at(j, c);
      y.values.push_back(sum);
    }
  }
  return y;
}

TEST(NetworkTrace, LogitsAreThoseOfAPassThatNobodyWatches) {
  for (const char* name : kModels) {
    SCOPED_TRACE(name);
    const auto model = open_model(name);
    const NetworkTrace trace = trace_of(*model);
    ForwardContext context;
    const RecordScope no_gradient(nullptr);
    const TokenBatch source = one_sequence(kSource);
    Tensor hidden = model->config.has_encoder() ? model->network.encode(source, context) : Tensor();
    if (!model->config.has_decoder()) {
      if (model->config.head == Head::pooler) {
        EXPECT_EQ(find(trace, "output.logits"), nullptr);
        continue;
      }
      const std::vector<int32_t> first{0};
      const AttentionMatrix logits = matrix_of(model->network.logits_of_rows(hidden, source.segments, first, context));
      for (int64_t j = 0; j < logits.cols; ++j) EXPECT_EQ(find(trace, "output.logits")->at(0, j), logits.at(0, j));
      continue;
    }
    hidden = model->network.decode(one_sequence(model->config.has_encoder() ? kTargetIn : kSource), hidden, source.segments, context);
    EXPECT_EQ(find(trace, "output.logits")->values, matrix_of(model->network.logits(hidden)).values);
  }
}

// The last layer, computed again from what the trace holds.
TEST(NetworkTrace, EachMatrixFollowsFromThoseBeforeIt) {
  for (const char* name : kModels) {
    SCOPED_TRACE(name);
    const auto model = open_model(name);
    const NetworkTrace trace = trace_of(*model);
    const AttentionKind kind = kinds_of(model->config).back();
    const int layer = layers_of(model->config, kind) - 1;
    const std::string side = kind == AttentionKind::encoder ? "encoder." : "decoder.", own = side + std::to_string(layer) + ".";
    const auto at = [&](const std::string& what) -> const AttentionMatrix& {
      const AttentionMatrix* found = find(trace, own + what);
      if (!found) throw std::runtime_error(own + what);
      return *found;
    };
    expect_near(linear(at("self_attention.heads"), trace, "self_attention.out_proj"), at("self_attention.output"), "W_O");
    expect_near(linear(at("feed_forward.activated"), trace, "feed_forward.fc2"), at("feed_forward.output"), "W_2");
    const std::string last_attention = kind == AttentionKind::cross ? "cross_attention" : "self_attention";
    const bool pre =
        model->config.stack(kind == AttentionKind::encoder ? Side::encoder : Side::decoder).back().norm_place == NormPlace::pre;
    const AttentionMatrix& before = at(last_attention + (pre ? ".sum" : ".norm"));
    expect_near(linear(pre ? at("feed_forward.norm") : before, trace, "feed_forward.fc1"), at("feed_forward.inner"), "W_1");
    for (size_t i = 0; i < before.values.size(); ++i) {
      EXPECT_NEAR(at("feed_forward.sum").values[i], before.values[i] + at("feed_forward.output").values[i], 1e-4);
    }
    const HeadTrace head = trace_head(model->network, kSource, model->config.has_encoder() ? kTargetIn : kSource, kind, layer, 1);
    expect_near(at(last_attention + ".weights.1"), head.weights, "weights");
    EXPECT_EQ(at(last_attention + ".masked.1").values, head.scores.values);
    for (size_t i = 0; i < head.weights.values.size(); ++i) {
      EXPECT_NEAR(at(last_attention + ".scaled.1").values[i], at(last_attention + ".products.1").values[i] * head.scale, 1e-6);
    }
  }
}

// ALBERT's layers share weights in groups; each is a layer all the same.
TEST(NetworkTrace, LayersThatShareWeightsAreAllReported) {
  const auto model = open_model("encoder_models/albert_masked_lm");
  ASSERT_GT(model->config.encoder.size(), static_cast<size_t>(model->config.layer_groups));
  EXPECT_EQ(trace_of(*model).attentions.size(), model->config.encoder.size());
  for (int layer = 0; layer < layers_of(model->config, AttentionKind::encoder); ++layer) {
    EXPECT_EQ(trace_head(model->network, kSource, {}, AttentionKind::encoder, layer, 0).layer, layer);
  }
}

TEST(NetworkTrace, ATextShowsTheWholeBlockOfOneHeadOrAll) {
  const auto model = open_model("models/marian_post_norm");
  NetworkTrace trace = trace_network(*model, kSource, kTargetIn, {AttentionKind::cross, 1});
  trace.source_tokens = {"a", "b", "c", "d", "e", "</s>"};
  trace.target_tokens = {"<start>", "v", "w", "x", "y"};
  const std::string one = trace_text(trace, AttentionKind::cross, 1, 2), all = trace_text(trace, AttentionKind::cross, 1, std::nullopt);
  for (const char* part : {"x: input of the sub-layer", "W_Q of head 2 [", "unscaled scores Q K^T of head 2 [5, 6]", "mask of head 2",
                           "W_O [", "residual: x + output", "W_1 [", "logits [5, "}) {
    EXPECT_THAT(one, HasSubstr(part));
  }
  EXPECT_THAT(one, testing::Not(HasSubstr("of head 1")));
  for (const char* part : {"of head 0", "of head 1", "of head 2", "of head 3"}) EXPECT_THAT(all, HasSubstr(part));
  EXPECT_THAT(trace_text(trace, AttentionKind::decoder, 1, 0), HasSubstr("-inf"));
  EXPECT_THROW(trace_text(trace, AttentionKind::cross, 1, 4), Error);
  EXPECT_THROW(trace_text(trace, AttentionKind::cross, 7, 0), Error);
}

TEST(NetworkTrace, WideMatricesShowTheirFirstAndLastColumns) {
  NetworkTrace trace;
  trace.source_tokens = {"a"};
  trace.attentions = {{"encoder.0.self_attention", 1, 1, 100, 0.1}};
  AttentionMatrix wide{1, 100, {}};
  for (int i = 0; i < 100; ++i) wide.values.push_back(i);
  trace.matrices = {{"encoder.0.self_attention.q", wide}};
  const std::string text = trace_text(trace, AttentionKind::encoder, 0, 0);
  for (const char* shown : {" 55.0000 ", "…", " 99.0000"}) EXPECT_THAT(text, HasSubstr(shown));
  EXPECT_THAT(text, testing::Not(HasSubstr(" 56.0000")));
}

// A page must not end a script early, or load anything.
TEST(NetworkTrace, ThePageEscapesItsTexts) {
  const auto model = open_model("causal_models/gpt2");
  NetworkTrace trace = trace_network(*model, {}, kTargetIn, {AttentionKind::decoder, 0});
  trace.source = "</script><b>&";
  trace.target_tokens = {"</script>", "b", "c", "d", "\"e\""};
  const std::string page = trace_html(trace);
  EXPECT_THAT(page, HasSubstr("<title>&lt;/script&gt;&lt;b&gt;&amp;</title>"));
  EXPECT_THAT(page, HasSubstr("\"<\\/script>\""));
  for (const char* loads : {"<link", " src=", "@import", "url(", "fetch("}) EXPECT_THAT(page, testing::Not(HasSubstr(loads)));
}

}  // namespace
}  // namespace qkv
