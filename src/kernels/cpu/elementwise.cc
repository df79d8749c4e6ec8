// Activations, dropout, copies, column sums and the optimizer: bound by memory, partitioned into fixed pieces.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/elementwise.cc"
#include <hwy/foreach_target.h>
//
#include <cmath>

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/vector/activation-inl.h"
#include "kernels/cpu/vector/flat.h"
#include "kernels/cpu/vector/scratch.h"

HWY_BEFORE_NAMESPACE();
namespace qkv::cpu::HWY_NAMESPACE {

// Calls body(i, n, drop) for each vector of elements [begin, end); n <= kLanes, and drop(x) applies dropout.
template <typename Body>
HWY_INLINE void for_each_vector(const DropoutParams& dropout, int64_t begin, int64_t end, Body&& body) {
  DropoutChunk mask(dropout);
  for (int64_t first = begin; first < end; first += DropoutChunk::kChunk) {
    const int64_t last = std::min<int64_t>(end, first + DropoutChunk::kChunk);
    mask.prepare(first, last - first);
    for (int64_t i = first; i < last; i += kLanes)
      body(i, static_cast<size_t>(last - i), [&](Vec x) HWY_ATTR { return mask.apply(x, i - first); });
  }
}

void activation(const ActivationParams& p) {
  with_type(p.x.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const T* x = p.x.as<T>();
    T* y = p.y.as<T>();
    for_each_piece(count_of(p.x), [&](int64_t begin, int64_t end) HWY_ATTR {
      for_each_vector(p.dropout, begin, end, [&](int64_t i, size_t n, auto&& drop) HWY_ATTR {
        store_part(drop(activate(p.activation, load_part(x + i, n))), y + i, n);
      });
    });
  });
}

void activation_backward(const ActivationBackwardParams& p) {
  with_type(p.x.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const T *x = p.x.as<T>(), *dy = p.dy.as<T>();
    T *dx = p.dx.as<T>(), *y = p.y.as<T>();
    for_each_piece(count_of(p.x), [&](int64_t begin, int64_t end) HWY_ATTR {
      for_each_vector(p.dropout, begin, end, [&](int64_t i, size_t n, auto&& drop) HWY_ATTR {
        const Vec gradient = load_part(dy + i, n), at = load_part(x + i, n);
        Vec g;
        if (y) {
          const ActivationPoint point = activate_with_slope(p.activation, at);
          store_part(drop(point.value), y + i, n);
          g = hn::Mul(drop(gradient), point.slope);
        } else {
          g = hn::Mul(drop(gradient), activation_slope(p.activation, at));
        }
        if (p.accumulate) g = hn::Add(g, load_part(dx + i, n));
        store_part(g, dx + i, n);
      });
    });
  });
}

void gated_activation(const GatedActivationParams& p) {
  with_type(p.y.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const T *gate = p.gate.as<T>(), *up = p.up.as<T>();
    T* y = p.y.as<T>();
    for_each_piece(count_of(p.y), [&](int64_t begin, int64_t end) HWY_ATTR {
      for (int64_t i = begin; i < end; i += kLanes) {
        const size_t n = static_cast<size_t>(end - i);
        store_part(hn::Mul(activate(p.activation, load_part(gate + i, n)), load_part(up + i, n)), y + i, n);
      }
    });
  });
}

void gated_activation_backward(const GatedActivationBackwardParams& p) {
  with_type(p.dy.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const T *gates = p.gate.as<T>(), *ups = p.up.as<T>(), *dys = p.dy.as<T>();
    T *dgate = p.dgate.as<T>(), *dup = p.dup.as<T>();
    for_each_piece(count_of(p.dy), [&](int64_t begin, int64_t end) HWY_ATTR {
      for (int64_t i = begin; i < end; i += kLanes) {
        const size_t n = static_cast<size_t>(end - i);
        const Vec gate = load_part(gates + i, n), dy = load_part(dys + i, n);
        if (dgate) {
          Vec g = hn::Mul(hn::Mul(activation_slope(p.activation, gate), load_part(ups + i, n)), dy);
          if (p.accumulate_gate) g = hn::Add(g, load_part(dgate + i, n));
          store_part(g, dgate + i, n);
        }
        if (dup) {
          Vec g = hn::Mul(activate(p.activation, gate), dy);
          if (p.accumulate_up) g = hn::Add(g, load_part(dup + i, n));
          store_part(g, dup + i, n);
        }
      }
    });
  });
}

// The numbers of xIELU.
struct Xielu {
  explicit Xielu(const XieluParams& p)
      : beta(number(p.beta)),
        epsilon(number(p.epsilon)),
        positive(softplus(number(p.alpha_p))),
        negative(beta + softplus(number(p.alpha_n))) {}
  static float number(const View& x) { return *x.as<const float>(); }
  static float softplus(float x) { return std::log1p(std::exp(-std::abs(x))) + std::max(x, 0.0f); }
  static float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

  float beta, epsilon, positive, negative;
};

// exp(min(x, epsilon)) - 1 - x, what xIELU's negative side scales.
HWY_INLINE Vec negative_side(Vec x, Vec epsilon) { return hn::Sub(hn::Expm1(F32(), hn::Min(x, epsilon)), x); }

void xielu(const XieluParams& p) {
  const Xielu numbers(p);
  with_type(p.x.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    for_each_piece(count_of(p.x), [&](int64_t begin, int64_t end) HWY_ATTR {
      const Vec beta = constant(numbers.beta), epsilon = constant(numbers.epsilon);
      const Vec positive = constant(numbers.positive), negative = constant(numbers.negative);
      for (int64_t i = begin; i < end; i += kLanes) {
        const size_t n = static_cast<size_t>(end - i);
        const Vec x = load_part(p.x.as<T>() + i, n);
        const Vec side =
            hn::IfThenElse(hn::Gt(x, hn::Zero(F32())), hn::Mul(positive, hn::Mul(x, x)), hn::Mul(negative, negative_side(x, epsilon)));
        store_part(hn::MulAdd(beta, x, side), p.y.as<T>() + i, n);
      }
    });
  });
}

// The sums for the two factors are taken piece by piece, then added in order: they do not depend on the number of threads.
void xielu_backward(const XieluBackwardParams& p) {
  const Xielu numbers(p.forward);
  const int64_t count = count_of(p.dy), pieces = (count + kPiece - 1) / kPiece;
  double* partial = static_cast<double*>(scratch_bytes(Scratch::sums, (2 * pieces + 1) * 8));
  with_type(p.dy.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    T* dx = p.dx.as<T>();
    for_each_piece(count, [&](int64_t begin, int64_t end) HWY_ATTR {
      const F32 d;
      const Vec epsilon = constant(numbers.epsilon), zero = hn::Zero(d), twice = constant(2 * numbers.positive);
      double* sums = partial + 2 * (begin / kPiece);
      sums[0] = sums[1] = 0;
      for (int64_t first = begin; first < end; first += 1024) {  // short f32 sums, accumulated in double
        const int64_t last = std::min<int64_t>(end, first + 1024);
        Vec sum_p = zero, sum_n = zero;
        for (int64_t i = first; i < last; i += kLanes) {
          const size_t n = static_cast<size_t>(last - i);
          const Vec x = load_part(p.forward.x.as<T>() + i, n), dy = load_part(p.dy.as<T>() + i, n);
          const auto above = hn::Gt(x, zero);
          sum_p = hn::MulAdd(dy, hn::IfThenElseZero(above, hn::Mul(x, x)), sum_p);
          sum_n = hn::MulAdd(dy, hn::IfThenZeroElse(above, negative_side(x, epsilon)), sum_n);
          if (!dx) continue;
          const Vec exponential = hn::IfThenElseZero(hn::Lt(x, epsilon), hn::Exp(d, hn::Min(x, epsilon)));
          const Vec slope =
              hn::IfThenElse(above, hn::Mul(twice, x), hn::Mul(constant(numbers.negative), hn::Sub(exponential, constant(1))));
          Vec g = hn::Mul(hn::Add(slope, constant(numbers.beta)), dy);
          if (p.accumulate) g = hn::Add(g, load_part(dx + i, n));
          store_part(g, dx + i, n);
        }
        sums[0] += hn::GetLane(hn::SumOfLanes(d, sum_p));
        sums[1] += hn::GetLane(hn::SumOfLanes(d, sum_n));
      }
    });
  });
  double sum_p = 0, sum_n = 0;
  for (int64_t i = 0; i < pieces; ++i) {
    sum_p += partial[2 * i];
    sum_n += partial[2 * i + 1];
  }
  const auto add = [](const View& to, double sum, const View& alpha) {
    if (to) *to.as<float>() += static_cast<float>(sum) * Xielu::sigmoid(Xielu::number(alpha));
  };
  add(p.dalpha_p, sum_p, p.forward.alpha_p);
  add(p.dalpha_n, sum_n, p.forward.alpha_n);
}

void clamp(const ClampParams& p) {
  with_type(p.x.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    for_each_piece(count_of(p.x), [&](int64_t begin, int64_t end) HWY_ATTR {
      for (int64_t i = begin; i < end; i += kLanes) {
        const size_t n = static_cast<size_t>(end - i);
        const Vec x = load_part(p.x.as<T>() + i, n);
        store_part(hn::Min(hn::Max(x, constant(-p.limit)), constant(p.limit)), p.y.as<T>() + i, n);
      }
    });
  });
}

void clamp_backward(const ClampBackwardParams& p) {
  with_type(p.x.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    for_each_piece(count_of(p.x), [&](int64_t begin, int64_t end) HWY_ATTR {
      for (int64_t i = begin; i < end; i += kLanes) {
        const size_t n = static_cast<size_t>(end - i);
        const auto within = hn::Le(hn::Abs(load_part(p.x.as<T>() + i, n)), constant(p.limit));
        Vec g = hn::IfThenElseZero(within, load_part(p.dy.as<T>() + i, n));
        if (p.accumulate) g = hn::Add(g, load_part(p.dx.as<T>() + i, n));
        store_part(g, p.dx.as<T>() + i, n);
      }
    });
  });
}

void dropout_add(const DropoutAddParams& p) {
  with_type(p.x.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const T *x = p.x.as<T>(), *residual = p.residual.as<T>();
    T* sum = p.sum.as<T>();
    for_each_piece(count_of(p.x), [&](int64_t begin, int64_t end) HWY_ATTR {
      for_each_vector(p.dropout, begin, end, [&](int64_t i, size_t n, auto&& drop) HWY_ATTR {
        Vec y = drop(load_part(x + i, n));
        if (residual) y = hn::Add(y, load_part(residual + i, n));
        store_part(y, sum + i, n);
      });
    });
  });
}

void copy(const CopyParams& p) {
  with_type(p.x.dtype, [&](auto* from) {
    with_type(p.out.dtype, [&](auto* to) {
      using From = std::remove_pointer_t<decltype(from)>;
      using To = std::remove_pointer_t<decltype(to)>;
      for_each_piece(count_of(p.x), [&](int64_t begin, int64_t end) HWY_ATTR {
        const Vec scale = hn::Set(F32(), p.scale);
        for (int64_t i = begin; i < end; i += kLanes) {
          Vec y = hn::Mul(scale, load_part(p.x.as<From>() + i, end - i));
          if (p.accumulate) y = hn::Add(y, load_part(p.out.as<To>() + i, end - i));
          store_part(y, p.out.as<To>() + i, end - i);
        }
      });
    });
  });
}

// Each slab of rows is summed separately, then slabs are added in order: the sum does not depend on the number of threads.
void column_sum(const ColumnSumParams& p) {
  const int64_t slabs = (p.x.rows + kRowSlab - 1) / kRowSlab, cols = p.x.cols;
  float* partial = scratch(Scratch::sums, slabs * cols);
  with_type(p.x.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    for_each_slab(p.x.rows, [&](int64_t first, int64_t last) HWY_ATTR {
      float* sums = partial + first / kRowSlab * cols;
      for (int64_t c = 0; c < cols; c += kLanes) {
        Vec sum = hn::Zero(F32());
        for (int64_t r = first; r < last; ++r) sum = hn::Add(sum, load_part(p.x.row<const T>(r) + c, cols - c));
        store_part(sum, sums + c, cols - c);
      }
    });
  });
  float* out = p.out.as<float>();
  for (int64_t c = 0; c < cols; ++c) {
    float sum = p.accumulate ? out[c] : 0;
    for (int64_t s = 0; s < slabs; ++s) sum += partial[s * cols + c];
    out[c] = sum;
  }
}

double sum_of_squares(const View& x) {
  const int64_t count = count_of(x);
  double* partial = static_cast<double*>(scratch_bytes(Scratch::sums, ((count + kPiece - 1) / kPiece + 1) * 8));
  with_type(x.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    for_each_piece(count, [&](int64_t begin, int64_t end) HWY_ATTR {
      double total = 0;
      for (int64_t first = begin; first < end; first += 1024) {  // short f32 sums, accumulated in double
        const int64_t last = std::min<int64_t>(end, first + 1024);
        Vec sum = hn::Zero(F32());
        for (int64_t i = first; i < last; i += kLanes) {
          const Vec v = load_part(x.as<T>() + i, last - i);
          sum = hn::MulAdd(v, v, sum);
        }
        total += hn::GetLane(hn::SumOfLanes(F32(), sum));
      }
      partial[begin / kPiece] = total;
    });
  });
  double sum = 0;
  for (int64_t i = 0; i < (count + kPiece - 1) / kPiece; ++i) sum += partial[i];
  return sum;
}

void adamw(const AdamWParams& p) {
  float *w = p.weight.as<float>(), *m = p.m.as<float>(), *v = p.v.as<float>(), *average = p.average.as<float>();
  const float* g = p.gradient.as<float>();
  for_each_piece(count_of(p.weight), [&](int64_t begin, int64_t end) HWY_ATTR {
    const Vec gradient_scale = constant(p.gradient_scale), beta1 = constant(p.beta1), beta2 = constant(p.beta2);
    const Vec rest1 = constant(1 - p.beta1), rest2 = constant(1 - p.beta2), epsilon = constant(p.epsilon);
    const Vec inverse1 = constant(1 / p.bias_correction1), inverse2 = constant(1 / p.bias_correction2);
    const Vec rate = constant(p.learning_rate), keep = constant(1 - p.learning_rate * p.weight_decay);
    const Vec average_rest = constant(1 - p.average_decay);
    for (int64_t i = begin; i < end; i += kLanes) {
      const size_t n = static_cast<size_t>(end - i);
      const Vec gradient = hn::Mul(gradient_scale, load_part(g + i, n));
      const Vec first = hn::MulAdd(beta1, load_part(m + i, n), hn::Mul(rest1, gradient));
      const Vec second = hn::MulAdd(beta2, load_part(v + i, n), hn::Mul(rest2, hn::Mul(gradient, gradient)));
      const Vec step = hn::Div(hn::Mul(first, inverse1), hn::Add(hn::Sqrt(hn::Mul(second, inverse2)), epsilon));
      const Vec weight = hn::NegMulAdd(rate, step, hn::Mul(keep, load_part(w + i, n)));
      store_part(first, m + i, n);
      store_part(second, v + i, n);
      store_part(weight, w + i, n);
      if (!average) continue;
      const Vec before = load_part(average + i, n);  // in this form the average of a constant weight is exactly that weight
      store_part(hn::MulAdd(average_rest, hn::Sub(weight, before), before), average + i, n);
    }
  });
}

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qkv::cpu {
HWY_EXPORT(activation);
HWY_EXPORT(activation_backward);
HWY_EXPORT(gated_activation);
HWY_EXPORT(gated_activation_backward);
HWY_EXPORT(xielu);
HWY_EXPORT(xielu_backward);
HWY_EXPORT(clamp);
HWY_EXPORT(clamp_backward);
HWY_EXPORT(dropout_add);
HWY_EXPORT(copy);
HWY_EXPORT(column_sum);
HWY_EXPORT(sum_of_squares);
HWY_EXPORT(adamw);

void activation(const ActivationParams& p) { HWY_DYNAMIC_DISPATCH(activation)(p); }
void activation_backward(const ActivationBackwardParams& p) { HWY_DYNAMIC_DISPATCH(activation_backward)(p); }
void gated_activation(const GatedActivationParams& p) { HWY_DYNAMIC_DISPATCH(gated_activation)(p); }
void gated_activation_backward(const GatedActivationBackwardParams& p) { HWY_DYNAMIC_DISPATCH(gated_activation_backward)(p); }
void xielu(const XieluParams& p) { HWY_DYNAMIC_DISPATCH(xielu)(p); }
void xielu_backward(const XieluBackwardParams& p) { HWY_DYNAMIC_DISPATCH(xielu_backward)(p); }
void clamp(const ClampParams& p) { HWY_DYNAMIC_DISPATCH(clamp)(p); }
void clamp_backward(const ClampBackwardParams& p) { HWY_DYNAMIC_DISPATCH(clamp_backward)(p); }
void dropout_add(const DropoutAddParams& p) { HWY_DYNAMIC_DISPATCH(dropout_add)(p); }
void copy(const CopyParams& p) { HWY_DYNAMIC_DISPATCH(copy)(p); }
void column_sum(const ColumnSumParams& p) { HWY_DYNAMIC_DISPATCH(column_sum)(p); }
void sum_of_squares(const SumOfSquaresParams& p) { *p.sum.as<double>() = HWY_DYNAMIC_DISPATCH(sum_of_squares)(p.x); }
void adamw(const AdamWParams& p) { HWY_DYNAMIC_DISPATCH(adamw)(p); }

}  // namespace qkv::cpu
#endif
