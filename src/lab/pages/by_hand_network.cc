#include <array>
#include <cmath>

#include "lab/pages/by_hand.h"
#include "ops/ops.h"

namespace qkv::lab {
namespace {

Matrix normed(const Matrix& x) {
  const Tensor ones = Tensor::from(std::vector<float>(static_cast<size_t>(x.cols), 1.0f), {x.cols});
  return Matrix(layer_norm(x.tensor(), ones, {}));
}

// Mean and variance of each row.
Matrix row_means(const Matrix& x) {
  Matrix means(x.rows, 1, std::vector<double>(static_cast<size_t>(x.rows)));
  for (int64_t r = 0; r < x.rows; ++r) {
    for (int64_t c = 0; c < x.cols; ++c) means.at(r, 0) += x.at(r, c) / static_cast<double>(x.cols);
  }
  return means;
}
Matrix row_variances(const Matrix& x) {
  const Matrix means = row_means(x);
  Matrix squares = x;
  for (int64_t r = 0; r < x.rows; ++r) {
    for (int64_t c = 0; c < x.cols; ++c) squares.at(r, c) = std::pow(x.at(r, c) - means.at(r, 0), 2);
  }
  return row_means(squares);
}

double length_of(const Matrix& x) {
  double sum = 0;
  for (const double value : x.values) sum += value * value;
  return std::sqrt(sum);
}

}  // namespace

Numbers structure_by_hand() {
  const Matrix x{{1, 0, 2, 1}, {0, 1, 1, 2}, {2, 2, 0, 0}}, f{{1, 2, -1, 0}, {0, 1, 1, 0}, {1, 0, 2, 1}};
  const Matrix r = sum(x, f);
  return {{"X", x}, {"F", f}, {"R", r}, {"mean", row_means(r)}, {"variance", row_variances(r)}, {"Y", normed(r)}};
}

Numbers feed_forward_by_hand() {
  const Matrix x{{1, 0}, {0, 1}, {1, 1}}, w_1{{1, -1, 2, 0}, {1, 1, -1, -2}}, w_2{{1, 0}, {0, 1}, {1, -1}, {2, 0}};
  const Matrix h = product(x, w_1), active(activate(h.tensor(), Activation::relu));
  const Matrix y(feed_forward(x.tensor(), {transposed(w_1).tensor(), {}}, Activation::relu, {}, {transposed(w_2).tensor(), {}}));
  return {{"X", x}, {"W_1", w_1}, {"W_2", w_2}, {"H", h}, {"active", active}, {"Y", y}, {"linear", product(h, w_2)}};
}

Numbers positions_by_hand() {
  Matrix p(3, 4, std::vector<double>(12));
  for (int64_t position = 0; position < 3; ++position) {
    for (int64_t pair = 0; pair < 2; ++pair) {
      const double angle = static_cast<double>(position) / std::pow(10000.0, static_cast<double>(pair) / 2);
      p.at(position, 2 * pair) = std::sin(angle);
      p.at(position, 2 * pair + 1) = std::cos(angle);
    }
  }
  // Rotary positions: one head of two numbers, turned by one radian per place.
  const Matrix same{{1, 0}, {1, 0}, {1, 0}};
  Matrix cosines(3, 1, {}), sines(3, 1, {});
  for (int position = 0; position < 3; ++position) {
    cosines.values.push_back(std::cos(position));
    sines.values.push_back(std::sin(position));
  }
  const std::vector<int32_t> places{0, 1, 2};
  const Matrix turned(rope(same.tensor(), cosines.tensor(), sines.tensor(), places, 1));
  return {
      {"P", p}, {"products", product(p, transposed(p))}, {"q", same}, {"turned", turned}, {"scores", product(turned, transposed(turned))}};
}

Numbers norm_kind_by_hand() {
  const Matrix x{{1, 2, 3, 6}, {2, 2, 4, 0}, {3, 5, 2, 6}}, other{{1, 2, 3, 6}, {2, 2, 4, 0}, {9, 5, 8, 0}};
  const auto over_batch = [](const Matrix& all) { return transposed(normed(transposed(all))); };
  return {{"X", x},
          {"X_other", other},
          {"layer", normed(x)},
          {"batch", over_batch(x)},
          {"layer_other", normed(other)},
          {"batch_other", over_batch(other)}};
}

Numbers embedding_scale_by_hand() {
  const Matrix e{{0.5, -0.5, 0.5, 0.5}}, p{{std::sin(1.0), std::cos(1.0), std::sin(0.01), std::cos(0.01)}}, longer = scaled(e, 2);
  return {{"e", e},
          {"p", p},
          {"scaled", longer},
          {"plain_sum", sum(e, p)},
          {"sum", sum(longer, p)},
          {"length_e", length_of(e)},
          {"length_p", length_of(p)},
          {"length_scaled", length_of(longer)},
          {"length_512", std::sqrt(256.0)},
          {"root_512", std::sqrt(512.0)}};
}

Numbers recurrent_by_hand() {
  const Matrix x{{1}, {0}, {0}};
  const double w = 0.5;
  const std::array<int32_t, 3> steps{1, 1, 1};
  const Tensor weight = Tensor::from(std::vector<float>{0.5f}, {1, 1}), bias = Tensor::zeros({1}, DType::f32);
  const Matrix h(recurrence(x.tensor(), weight, bias, Segments::of_lengths(steps), RecurrentCell::tanh, false));
  const Matrix slopes = each(h, [&](double value) { return w * (1 - value * value); });
  // Matrix products that wait for one another, with the output's. A Transformer's layer: W_Q, QK^T, AV, W_O and two of the feed-forward.
  const double tokens = 2048, layers = 4;
  return {{"x", transposed(x)},
          {"h", transposed(h)},
          {"slope_2", slopes.at(1, 0)},
          {"slope_3", slopes.at(2, 0)},
          {"slope", slopes.at(1, 0) * slopes.at(2, 0)},
          {"bound", std::pow(w, 31)},
          {"gate", std::pow(0.9, 31)},
          {"steps_lstm", tokens + layers},
          {"steps_transformer", 6 * layers + 1}};
}

Numbers convolutional_by_hand() {
  const Matrix x{{1}, {0}, {0}, {0}, {0}};
  const Tensor weight = Tensor::from(std::vector<float>{1, 1, 1}, {1, 1, 3});
  const int32_t length = 5;
  const Segments segments = Segments::of_lengths({&length, 1});
  Numbers numbers{{"x", transposed(x)}};
  Tensor y = x.tensor();
  for (int layer = 1; layer <= 4; ++layer) {
    y = convolution(y, weight, {}, segments, {});
    numbers["y_" + std::to_string(layer)] = transposed(Matrix(y));
  }
  return numbers;
}

}  // namespace qkv::lab
