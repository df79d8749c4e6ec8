// Matrix products, element-wise ops, norms, embeddings and the optimizer.
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/bf16.h"
#include "kernels/dropout.h"
#include "kernels/reference/reference.h"

namespace qkv::reference {

double activate(Activation activation, double x) {
  switch (activation) {
    case Activation::relu: return x > 0 ? x : 0;
    case Activation::gelu: return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));  // Hendrycks and Gimpel 2016
    case Activation::gelu_tanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));  // the same paper's approximation
    case Activation::silu: return x / (1 + std::exp(-x));
    case Activation::sigmoid: return 1 / (1 + std::exp(-x));
    case Activation::tanh: return std::tanh(x);
    default: return x;
  }
}

double activation_slope(Activation activation, double x) {
  switch (activation) {
    case Activation::relu: return x > 0 ? 1 : 0;
    case Activation::gelu: return 0.5 * (1 + std::erf(x / std::sqrt(2.0))) + x * std::exp(-0.5 * x * x) / std::sqrt(2 * M_PI);
    case Activation::gelu_tanh: {
      const double c = std::sqrt(2 / M_PI), t = std::tanh(c * (x + 0.044715 * x * x * x));
      return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x);
    }
    case Activation::silu: {
      const double s = 1 / (1 + std::exp(-x));
      return s * (1 + x * (1 - s));
    }
    case Activation::sigmoid: {
      const double s = 1 / (1 + std::exp(-x));
      return s * (1 - s);
    }
    case Activation::tanh: return 1 - std::tanh(x) * std::tanh(x);
    default: return 1;
  }
}

void column_sum(const ColumnSumParams& p) {
  for (int64_t c = 0; c < p.x.cols; ++c) {
    double sum = p.accumulate ? at(p.out, c) : 0;
    for (int64_t r = 0; r < p.x.rows; ++r) sum += at(p.x, r, c);
    at(p.out, c) = sum;
  }
}

void matmul(const MatmulParams& p) {
  if (p.a_sums) column_sum({.x = p.a, .out = p.a_sums, .accumulate = p.accumulate_a_sums});
  const int64_t inner = p.transpose_a ? p.a.rows : p.a.cols;
  for (int64_t i = 0; i < p.out.rows; ++i) {
    for (int64_t j = 0; j < p.out.cols; ++j) {
      double sum = 0;
      for (int64_t k = 0; k < inner; ++k)
        sum += (p.transpose_a ? at(p.a, k, i) : at(p.a, i, k)) * (p.transpose_b ? at(p.b, j, k) : at(p.b, k, j));
      sum += p.bias ? at(p.bias, j) : 0;
      if (p.before) {
        at(p.out, i, j) = sum * activation_slope(p.activation, at(p.before, i, j));
        if (p.activated) at(p.activated, i, j) = activate(p.activation, at(p.before, i, j));
      } else if (p.activated) {
        at(p.out, i, j) = sum;
        at(p.activated, i, j) = activate(p.activation, sum);
      } else {
        at(p.out, i, j) = p.accumulate ? at(p.out, i, j) + sum : activate(p.activation, sum);
      }
    }
  }
}

void activation(const ActivationParams& p) {
  for (int64_t r = 0; r < p.x.rows; ++r) {
    for (int64_t c = 0; c < p.x.cols; ++c)
      at(p.y, r, c) = activate(p.activation, at(p.x, r, c)) * dropout_factor(p.dropout, r * p.x.cols + c);
  }
}

void activation_backward(const ActivationBackwardParams& p) {
  for (int64_t r = 0; r < p.x.rows; ++r) {
    for (int64_t c = 0; c < p.x.cols; ++c) {
      const double x = at(p.x, r, c), mask = dropout_factor(p.dropout, r * p.x.cols + c);
      const double dx = at(p.dy, r, c) * activation_slope(p.activation, x) * mask;
      if (p.y) at(p.y, r, c) = activate(p.activation, x) * mask;
      at(p.dx, r, c) = (p.accumulate ? at(p.dx, r, c) : 0) + dx;
    }
  }
}

void dropout_add(const DropoutAddParams& p) {
  for (int64_t r = 0; r < p.x.rows; ++r) {
    for (int64_t c = 0; c < p.x.cols; ++c) {
      at(p.sum, r, c) = (p.residual ? at(p.residual, r, c) : 0) + at(p.x, r, c) * dropout_factor(p.dropout, r * p.x.cols + c);
    }
  }
}

namespace {

double load(const View& x, int64_t r, int64_t c) {
  switch (x.dtype) {
    case DType::f64: return x.row<double>(r)[c];
    case DType::f32: return x.row<float>(r)[c];
    case DType::bf16: return to_float(x.row<bf16>(r)[c]);
    default: return x.row<int32_t>(r)[c];
  }
}

void store(const View& x, int64_t r, int64_t c, double value) {
  switch (x.dtype) {
    case DType::f64: x.row<double>(r)[c] = value; break;
    case DType::f32: x.row<float>(r)[c] = static_cast<float>(value); break;
    case DType::bf16: x.row<bf16>(r)[c] = to_bf16(static_cast<float>(value)); break;
    default: x.row<int32_t>(r)[c] = static_cast<int32_t>(value);
  }
}

}  // namespace

void copy(const CopyParams& p) {
  for (int64_t r = 0; r < p.x.rows; ++r) {
    for (int64_t c = 0; c < p.x.cols; ++c) store(p.out, r, c, (p.accumulate ? load(p.out, r, c) : 0) + p.scale * load(p.x, r, c));
  }
}

void layer_norm(const LayerNormParams& p) {
  const int64_t n = p.x.cols;
  for (int64_t r = 0; r < p.x.rows; ++r) {
    const int64_t own = r * n % p.weight.cols;  // of its weights
    double mean = 0, variance = 0;
    for (int64_t c = 0; c < n && p.center; ++c) mean += at(p.x, r, c) / n;
    for (int64_t c = 0; c < n; ++c) variance += (at(p.x, r, c) - mean) * (at(p.x, r, c) - mean) / n;
    const double inverse = 1 / std::sqrt(variance + p.epsilon);
    for (int64_t c = 0; c < n; ++c)
      at(p.y, r, c) = (at(p.x, r, c) - mean) * inverse * at(p.weight, own + c) + (p.bias ? at(p.bias, own + c) : 0);
    if (p.mean) at(p.mean, r) = mean;
    if (p.inverse_deviation) at(p.inverse_deviation, r) = inverse;
  }
}

// With x' = (x - mean) * inverse and g = weight * dy: dx = inverse * (g - mean(g) - x' * mean(g x')).
void layer_norm_backward(const LayerNormBackwardParams& p) {
  const int64_t n = p.x.cols;
  for (int64_t r = 0; r < p.x.rows; ++r) {
    const double mean = at(p.mean, r), inverse = at(p.inverse_deviation, r);
    const int64_t own = r * n % p.weight.cols;
    double mean_g = 0, mean_gx = 0;
    for (int64_t c = 0; c < n; ++c) {
      const double normalized = (at(p.x, r, c) - mean) * inverse, g = at(p.weight, own + c) * at(p.dy, r, c);
      mean_g += p.center ? g / n : 0;
      mean_gx += g * normalized / n;
      if (p.dweight) at(p.dweight, own + c) += at(p.dy, r, c) * normalized;
      if (p.dbias) at(p.dbias, own + c) += at(p.dy, r, c);
    }
    for (int64_t c = 0; c < n && p.dx; ++c) {
      const double normalized = (at(p.x, r, c) - mean) * inverse;
      at(p.dx, r, c) =
          (p.accumulate ? at(p.dx, r, c) : 0) + inverse * (at(p.weight, own + c) * at(p.dy, r, c) - mean_g - normalized * mean_gx);
    }
  }
}

void gated_activation(const GatedActivationParams& p) {
  for (int64_t r = 0; r < p.y.rows; ++r) {
    for (int64_t c = 0; c < p.y.cols; ++c) at(p.y, r, c) = activate(p.activation, at(p.gate, r, c)) * at(p.up, r, c);
  }
}

void gated_activation_backward(const GatedActivationBackwardParams& p) {
  for (int64_t r = 0; r < p.dy.rows; ++r) {
    for (int64_t c = 0; c < p.dy.cols; ++c) {
      const double gate = at(p.gate, r, c), dy = at(p.dy, r, c);
      if (p.dgate) {
        at(p.dgate, r, c) = (p.accumulate_gate ? at(p.dgate, r, c) : 0) + activation_slope(p.activation, gate) * at(p.up, r, c) * dy;
      }
      if (p.dup) at(p.dup, r, c) = (p.accumulate_up ? at(p.dup, r, c) : 0) + activate(p.activation, gate) * dy;
    }
  }
}

namespace {

double softplus(double x) { return std::log1p(std::exp(-std::abs(x))) + std::max(x, 0.0); }
double sigmoid(double x) { return activate(Activation::sigmoid, x); }

}  // namespace

void xielu(const XieluParams& p) {
  const double beta = at(p.beta, 0), positive = softplus(at(p.alpha_p, 0)), negative = beta + softplus(at(p.alpha_n, 0));
  for (int64_t r = 0; r < p.x.rows; ++r) {
    for (int64_t c = 0; c < p.x.cols; ++c) {
      const double x = at(p.x, r, c);
      at(p.y, r, c) = (x > 0 ? positive * x * x : negative * (std::expm1(std::min(x, at(p.epsilon, 0))) - x)) + beta * x;
    }
  }
}

void xielu_backward(const XieluBackwardParams& p) {
  const XieluParams& f = p.forward;
  const double beta = at(f.beta, 0), positive = softplus(at(f.alpha_p, 0)), negative = beta + softplus(at(f.alpha_n, 0));
  double sum_p = 0, sum_n = 0;
  for (int64_t r = 0; r < f.x.rows; ++r) {
    for (int64_t c = 0; c < f.x.cols; ++c) {
      const double x = at(f.x, r, c), dy = at(p.dy, r, c), limit = at(f.epsilon, 0);
      const double slope = x > 0 ? 2 * positive * x : negative * ((x < limit ? std::exp(x) : 0) - 1);
      if (p.dx) at(p.dx, r, c) = (p.accumulate ? at(p.dx, r, c) : 0) + (slope + beta) * dy;
      (x > 0 ? sum_p : sum_n) += dy * (x > 0 ? x * x : std::expm1(std::min(x, limit)) - x);
    }
  }
  if (p.dalpha_p) at(p.dalpha_p, 0) += sum_p * sigmoid(at(f.alpha_p, 0));
  if (p.dalpha_n) at(p.dalpha_n, 0) += sum_n * sigmoid(at(f.alpha_n, 0));
}

void clamp(const ClampParams& p) {
  for (int64_t r = 0; r < p.x.rows; ++r) {
    for (int64_t c = 0; c < p.x.cols; ++c) at(p.y, r, c) = std::min(std::max<double>(at(p.x, r, c), -p.limit), double{p.limit});
  }
}

void clamp_backward(const ClampBackwardParams& p) {
  for (int64_t r = 0; r < p.x.rows; ++r) {
    for (int64_t c = 0; c < p.x.cols; ++c) {
      const double dx = std::abs(at(p.x, r, c)) <= p.limit ? at(p.dy, r, c) : 0;
      at(p.dx, r, c) = (p.accumulate ? at(p.dx, r, c) : 0) + dx;
    }
  }
}

void rope(const RopeParams& p) {
  const int64_t size = p.x.cols / p.num_heads, pairs = p.cosines.cols;
  for (int64_t r = 0; r < p.x.rows; ++r) {
    for (int64_t head = 0; head < p.x.cols; head += size) {
      const auto put = [&](int64_t column, double value) {
        at(p.y, r, head + column) = (p.accumulate ? at(p.y, r, head + column) : 0) + value;
      };
      for (int64_t i = 0; i < pairs; ++i) {
        const int64_t first = p.layout == RotaryPairs::halves ? i : 2 * i, second = p.layout == RotaryPairs::halves ? i + pairs : 2 * i + 1;
        const double cosine = at(p.cosines, p.position_of[r], i), sine = (p.transpose ? -1 : 1) * at(p.sines, p.position_of[r], i);
        const double a = at(p.x, r, head + first), b = at(p.x, r, head + second);
        put(first, a * cosine - b * sine);
        put(second, b * cosine + a * sine);
      }
      for (int64_t c = 2 * pairs; c < size; ++c) put(c, at(p.x, r, head + c));
    }
  }
}

void embedding(const EmbeddingParams& p) {
  for (int64_t r = 0; r < p.y.rows; ++r) {
    for (int64_t c = 0; c < p.y.cols; ++c) {
      const double value = p.scale * at(p.table, p.ids[r], c) + (p.positions ? at(p.positions, p.position_of[r], c) : 0);
      at(p.y, r, c) = value * dropout_factor(p.dropout, r * p.y.cols + c);
    }
  }
}

void embedding_backward(const EmbeddingBackwardParams& p) {
  for (int64_t r = 0; r < p.dy.rows; ++r) {
    for (int64_t c = 0; c < p.dy.cols; ++c) {
      const double dy = at(p.dy, r, c) * dropout_factor(p.dropout, r * p.dy.cols + c);
      if (p.dtable) at(p.dtable, p.ids[r], c) += p.scale * dy;
      if (p.dpositions) at(p.dpositions, p.position_of[r], c) += dy;
    }
  }
}

void sum_of_squares(const SumOfSquaresParams& p) {
  double sum = 0;
  for (int64_t r = 0; r < p.x.rows; ++r) {
    for (int64_t c = 0; c < p.x.cols; ++c) sum += at(p.x, r, c) * at(p.x, r, c);
  }
  *p.sum.as<double>() = sum;
}

void adamw(const AdamWParams& p) {
  for (int64_t i = 0; i < p.weight.rows * p.weight.cols; ++i) {
    const double g = p.gradient_scale * at(p.gradient, i);
    double& m = at(p.m, i);
    double& v = at(p.v, i);
    m = p.beta1 * m + (1 - p.beta1) * g;
    v = p.beta2 * v + (1 - p.beta2) * g * g;
    double& weight = at(p.weight, i);
    weight -= p.learning_rate * (p.weight_decay * weight + m / p.bias_correction1 / (std::sqrt(v / p.bias_correction2) + p.epsilon));
    if (p.average) at(p.average, i) = p.average_decay * at(p.average, i) + (1 - p.average_decay) * weight;
  }
}

}  // namespace qkv::reference
