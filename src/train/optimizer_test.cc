#include "train/optimizer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <limits>

#include "base/parallel.h"
#include "formats/json.h"
#include "tensor/tape.h"

namespace qkv {
namespace {

using Values = std::vector<float>;

nlohmann::json golden() {
  std::ifstream file(std::string(QKV_SOURCE_DIR) + "/tests/goldens/train/adamw.json");
  return nlohmann::json::parse(file);
}

void expect_near(const Tensor& actual, const nlohmann::json& expected, double tolerance, const std::string& what) {
  const Values values = actual.to_vector();
  ASSERT_EQ(values.size(), expected.size()) << what;
  for (size_t i = 0; i < values.size(); ++i) {
    const double e = expected[i].get<double>();
    ASSERT_NEAR(values[i], e, tolerance * (1 + std::abs(e))) << what << " " << i;
  }
}

// Fills the store with parameters that have the golden's shapes and initial values.
void fill(ParameterStore& store, const nlohmann::json& g) {
  for (size_t i = 0; i < g["shapes"].size(); ++i) {
    const auto& shape = g["shapes"][i];
    const Tensor value = store.create(fmt::format("p{}", i), shape["shape"].get<Shape>(), Initializer::zeros(), shape["decay"].get<bool>());
    value.copy_from(Tensor::from(g["initial"][i].get<Values>(), value.shape()));
  }
}

// Sets gradients as a backward pass would leave them.
void set_gradients(ParameterStore& store, const nlohmann::json& gradients) {
  for (size_t i = 0; i < store.all().size(); ++i) {
    const Tensor& value = store.all()[i].value;
    const Tensor gradient = Tensor::from(gradients[i].get<Values>(), value.shape(), value.dtype(), value.device());
    add_gradient(value, gradient);
  }
}

class OptimizerOn : public testing::TestWithParam<Device> {};
INSTANTIATE_TEST_SUITE_P(, OptimizerOn, testing::Values(Device::cpu, Device::reference));

TEST_P(OptimizerOn, EqualsTorchAdamWWithClippingAndAverage) {
  const nlohmann::json g = golden();
  const nlohmann::json& o = g["options"];
  ParameterStore store(1, true, GetParam()), averages(1, true, GetParam());
  fill(store, g);
  fill(averages, g);
  AdamW optimizer(store, {o["beta1"], o["beta2"], o["epsilon"], o["weight_decay"], o["clip_norm"], o["average_decay"]}, &averages);
  for (size_t t = 0; t < g["steps"].size(); ++t) {
    const nlohmann::json& step = g["steps"][t];
    set_gradients(store, step["gradients"]);
    const double norm = optimizer.gradient_norm();
    EXPECT_NEAR(norm, step["norm"].get<double>(), 1e-5 * norm);
    optimizer.step(step["learning_rate"], norm);
    for (size_t i = 0; i < store.all().size(); ++i) {
      const std::string what = fmt::format("update {} parameter {}", t, i);
      expect_near(store.all()[i].value, step["weights"][i], 1e-6, what);
      expect_near(optimizer.m()[i], step["m"][i], 1e-6, what + " m");
      expect_near(optimizer.v()[i], step["v"][i], 1e-6, what + " v");
      expect_near(averages.all()[i].value, step["average"][i], 1e-6, what + " average");
      EXPECT_FALSE(store.all()[i].value.grad()) << "the next update would add to this gradient";
    }
  }
  EXPECT_EQ(optimizer.steps(), 5);
}

TEST(Optimizer, AParameterWithoutGradientStaysAsItIs) {
  const nlohmann::json g = golden();
  ParameterStore store(1, true);
  fill(store, g);
  AdamW optimizer(store, {.weight_decay = 0.5}, nullptr);
  add_gradient(store.all()[1].value, Tensor::from(g["steps"][0]["gradients"][1].get<Values>(), {5}));
  const Values before = store.all()[0].value.to_vector();
  optimizer.step(0.1, optimizer.gradient_norm());
  EXPECT_EQ(store.all()[0].value.to_vector(), before);
  EXPECT_NE(store.all()[1].value.to_vector(), g["initial"][1].get<Values>());
}

// The first step of Adam moves each weight by its learning rate, whatever the gradient.
TEST(Optimizer, LayersBelowLearnSlowerByPowersOfTheDecay) {
  ParameterStore store(1, true);
  const std::pair<const char*, float> rates[] = {{"embed_tokens.weight", 0.125f},
                                                 {"encoder.embedding_norm.weight", 0.125f},
                                                 {"encoder.relative_positions.weight", 0.125f},
                                                 {"encoder.layers.0.self_attention.q_proj.weight", 0.25f},
                                                 {"encoder.layers.1.feed_forward.fc1.bias", 0.5f},
                                                 {"decoder.layers.0.feed_forward.fc1.bias", 0.5f},
                                                 {"encoder.final_norm.weight", 1.0f},
                                                 {"head.classifier.weight", 1.0f}};
  for (const auto& [name, rate] : rates) store.create(name, {3}, Initializer::ones(), true);
  AdamW optimizer(store, {.epsilon = 0, .layer_decay = 0.5}, nullptr);
  for (const Parameter& parameter : store.all()) add_gradient(parameter.value, Tensor::from(Values{1, -2, 3}, {3}));
  optimizer.step(0.01, 1);
  for (size_t i = 0; i < store.all().size(); ++i) {
    const Values values = store.all()[i].value.to_vector();
    EXPECT_NEAR(values[0], 1 - 0.01f * rates[i].second, 1e-6) << rates[i].first;
    EXPECT_NEAR(values[1], 1 + 0.01f * rates[i].second, 1e-6) << rates[i].first;
  }
}

TEST(Optimizer, GradientNormIsNotANumberWhereAGradientIsNot) {
  ParameterStore store(1, true);
  const Tensor weight = store.create("w", {4}, Initializer::ones(), true);
  AdamW optimizer(store, {}, nullptr);
  add_gradient(weight, Tensor::from(Values{1, std::numeric_limits<float>::quiet_NaN(), 0, 0}, {4}));
  EXPECT_TRUE(std::isnan(optimizer.gradient_norm()));
}

TEST(Optimizer, TheNumberOfThreadsChangesNoBit) {
  std::vector<Values> results;
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    ParameterStore store(7, true);
    const Tensor weight = store.create("w", {301, 257}, Initializer::xavier_uniform(), true);
    AdamW optimizer(store, {.weight_decay = 0.01, .clip_norm = 0.5}, nullptr);
    for (int t = 0; t < 3; ++t) {
      add_gradient(weight, Tensor::from(weight.to_vector(), weight.shape()));
      optimizer.step(0.01, optimizer.gradient_norm());
    }
    results.push_back(weight.to_vector());
  }
  set_num_threads(1);
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}

}  // namespace
}  // namespace qkv
