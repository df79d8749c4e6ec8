#include "ops/output_loss.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autograd/backward.h"

namespace qkv {
namespace {

const std::vector<float> kOutputs{0.5f, -1.25f, 30, -30, 0, 2}, kTargets{1, 0, 0, 1, 0.5f, 3};

double formula(double x, double t, OutputLoss kind) {
  if (kind == OutputLoss::squared_error) return (x - t) * (x - t);
  const auto log_sigmoid = [](double y) { return -std::log1p(std::exp(-y)); };
  return -t * log_sigmoid(x) - (1 - t) * log_sigmoid(-x);
}

TEST(OutputLoss, IsTheFormulaAndItsSlope) {
  for (const Device device : {Device::cpu, Device::reference}) {
    for (const OutputLoss kind : {OutputLoss::binary_cross_entropy, OutputLoss::squared_error}) {
      const DType dtype = device == Device::reference ? DType::f64 : DType::f32;
      const Tensor outputs = Tensor::from(kOutputs, {2, 3}, dtype, device);
      outputs.set_requires_grad(true);
      Tape tape;
      RecordScope recording(&tape);
      const CrossEntropyResult result = output_loss(outputs, kTargets, kind, 0.25f, dtype);
      double sum = 0;
      for (size_t i = 0; i < kOutputs.size(); ++i) sum += formula(kOutputs[i], kTargets[i], kind);
      EXPECT_NEAR(result.loss_sum, sum, 1e-9 * sum);
      EXPECT_NEAR(result.loss.to_vector()[0], 0.25 * sum, 1e-6 * sum);
      backward(tape, result.loss);
      const std::vector<float> slopes = outputs.grad().to_vector();
      for (size_t i = 0; i < kOutputs.size(); ++i) {
        const double step = 1e-4, x = kOutputs[i];
        const double slope = (formula(x + step, kTargets[i], kind) - formula(x - step, kTargets[i], kind)) / (2 * step);
        EXPECT_NEAR(slopes[i], 0.25 * slope, 1e-5) << i;
      }
    }
  }
}

}  // namespace
}  // namespace qkv
