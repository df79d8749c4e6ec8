// Activations, dropout, copies, sums of columns and the optimizer: bound by memory, cut into fixed pieces.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/elementwise.cc"
#include <hwy/foreach_target.h>
//
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/vector/activation-inl.h"
#include "kernels/cpu/vector/flat.h"
#include "kernels/cpu/vector/scratch.h"

HWY_BEFORE_NAMESPACE();
namespace qkv::cpu::HWY_NAMESPACE {

// body(i, n) for the vectors of elements [begin, end), n <= kLanes, with the dropout's numbers at hand.
template <typename Body>
HWY_INLINE void ForEachVector(const DropoutParams& dropout, int64_t begin, int64_t end, Body&& body) {
  DropoutChunk mask(dropout);
  for (int64_t first = begin; first < end; first += DropoutChunk::kChunk) {
    const int64_t last = std::min<int64_t>(end, first + DropoutChunk::kChunk);
    mask.Prepare(first, last - first);
    for (int64_t i = first; i < last; i += kLanes)
      body(i, static_cast<size_t>(last - i), [&](Vec x) HWY_ATTR { return mask.Apply(x, i - first); });
  }
}

void ActivationForward(const ActivationParams& p) {
  with_type(p.x.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const T* x = p.x.as<T>();
    T* y = p.y.as<T>();
    for_each_piece(count_of(p.x), [&](int64_t begin, int64_t end) HWY_ATTR {
      ForEachVector(p.dropout, begin, end, [&](int64_t i, size_t n, auto&& drop) HWY_ATTR {
        StorePart(drop(Activate(p.activation, LoadPart(x + i, n))), y + i, n);
      });
    });
  });
}

void ActivationBackward(const ActivationBackwardParams& p) {
  with_type(p.x.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const T *x = p.x.as<T>(), *dy = p.dy.as<T>();
    T *dx = p.dx.as<T>(), *y = p.y.as<T>();
    for_each_piece(count_of(p.x), [&](int64_t begin, int64_t end) HWY_ATTR {
      ForEachVector(p.dropout, begin, end, [&](int64_t i, size_t n, auto&& drop) HWY_ATTR {
        const Vec gradient = LoadPart(dy + i, n), at = LoadPart(x + i, n);
        Vec g;
        if (y) {
          const ActivationPoint point = ActivateWithSlope(p.activation, at);
          StorePart(drop(point.value), y + i, n);
          g = hn::Mul(drop(gradient), point.slope);
        } else {
          g = hn::Mul(drop(gradient), ActivationSlope(p.activation, at));
        }
        if (p.accumulate) g = hn::Add(g, LoadPart(dx + i, n));
        StorePart(g, dx + i, n);
      });
    });
  });
}

void GatedActivation(const GatedActivationParams& p) {
  with_type(p.y.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const T *gate = p.gate.as<T>(), *up = p.up.as<T>();
    T* y = p.y.as<T>();
    for_each_piece(count_of(p.y), [&](int64_t begin, int64_t end) HWY_ATTR {
      for (int64_t i = begin; i < end; i += kLanes) {
        const size_t n = static_cast<size_t>(end - i);
        StorePart(hn::Mul(Activate(p.activation, LoadPart(gate + i, n)), LoadPart(up + i, n)), y + i, n);
      }
    });
  });
}

void GatedActivationBackward(const GatedActivationBackwardParams& p) {
  with_type(p.dy.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const T *gates = p.gate.as<T>(), *ups = p.up.as<T>(), *dys = p.dy.as<T>();
    T *dgate = p.dgate.as<T>(), *dup = p.dup.as<T>();
    for_each_piece(count_of(p.dy), [&](int64_t begin, int64_t end) HWY_ATTR {
      for (int64_t i = begin; i < end; i += kLanes) {
        const size_t n = static_cast<size_t>(end - i);
        const Vec gate = LoadPart(gates + i, n), dy = LoadPart(dys + i, n);
        if (dgate) {
          Vec g = hn::Mul(hn::Mul(ActivationSlope(p.activation, gate), LoadPart(ups + i, n)), dy);
          if (p.accumulate_gate) g = hn::Add(g, LoadPart(dgate + i, n));
          StorePart(g, dgate + i, n);
        }
        if (dup) {
          Vec g = hn::Mul(Activate(p.activation, gate), dy);
          if (p.accumulate_up) g = hn::Add(g, LoadPart(dup + i, n));
          StorePart(g, dup + i, n);
        }
      }
    });
  });
}

void DropoutAdd(const DropoutAddParams& p) {
  with_type(p.x.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const T *x = p.x.as<T>(), *residual = p.residual.as<T>();
    T* sum = p.sum.as<T>();
    for_each_piece(count_of(p.x), [&](int64_t begin, int64_t end) HWY_ATTR {
      ForEachVector(p.dropout, begin, end, [&](int64_t i, size_t n, auto&& drop) HWY_ATTR {
        Vec y = drop(LoadPart(x + i, n));
        if (residual) y = hn::Add(y, LoadPart(residual + i, n));
        StorePart(y, sum + i, n);
      });
    });
  });
}

void Copy(const CopyParams& p) {
  with_type(p.x.dtype, [&](auto* from) {
    with_type(p.out.dtype, [&](auto* to) {
      using From = std::remove_pointer_t<decltype(from)>;
      using To = std::remove_pointer_t<decltype(to)>;
      for_each_piece(count_of(p.x), [&](int64_t begin, int64_t end) HWY_ATTR {
        const Vec scale = hn::Set(F32(), p.scale);
        for (int64_t i = begin; i < end; i += kLanes) {
          Vec y = hn::Mul(scale, LoadPart(p.x.as<From>() + i, end - i));
          if (p.accumulate) y = hn::Add(y, LoadPart(p.out.as<To>() + i, end - i));
          StorePart(y, p.out.as<To>() + i, end - i);
        }
      });
    });
  });
}

// Slabs of rows are summed apart and then added in order: the same sum on any number of threads.
void ColumnSum(const ColumnSumParams& p) {
  const int64_t slabs = (p.x.rows + kRowSlab - 1) / kRowSlab, cols = p.x.cols;
  float* partial = scratch(Scratch::sums, slabs * cols);
  with_type(p.x.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    for_each_slab(p.x.rows, [&](int64_t first, int64_t last) HWY_ATTR {
      float* sums = partial + first / kRowSlab * cols;
      for (int64_t c = 0; c < cols; c += kLanes) {
        Vec sum = hn::Zero(F32());
        for (int64_t r = first; r < last; ++r) sum = hn::Add(sum, LoadPart(p.x.row<const T>(r) + c, cols - c));
        StorePart(sum, sums + c, cols - c);
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

double SumOfSquares(const View& x) {
  const int64_t count = count_of(x);
  double* partial = static_cast<double*>(scratch_bytes(Scratch::sums, ((count + kPiece - 1) / kPiece + 1) * 8));
  with_type(x.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    for_each_piece(count, [&](int64_t begin, int64_t end) HWY_ATTR {
      double total = 0;
      for (int64_t first = begin; first < end; first += 1024) {  // short f32 sums, added up in double
        const int64_t last = std::min<int64_t>(end, first + 1024);
        Vec sum = hn::Zero(F32());
        for (int64_t i = first; i < last; i += kLanes) {
          const Vec v = LoadPart(x.as<T>() + i, last - i);
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

void AdamW(const AdamWParams& p) {
  float *w = p.weight.as<float>(), *m = p.m.as<float>(), *v = p.v.as<float>(), *average = p.average.as<float>();
  const float* g = p.gradient.as<float>();
  for_each_piece(count_of(p.weight), [&](int64_t begin, int64_t end) HWY_ATTR {
    const Vec gradient_scale = Constant(p.gradient_scale), beta1 = Constant(p.beta1), beta2 = Constant(p.beta2);
    const Vec rest1 = Constant(1 - p.beta1), rest2 = Constant(1 - p.beta2), epsilon = Constant(p.epsilon);
    const Vec inverse1 = Constant(1 / p.bias_correction1), inverse2 = Constant(1 / p.bias_correction2);
    const Vec rate = Constant(p.learning_rate), keep = Constant(1 - p.learning_rate * p.weight_decay);
    const Vec average_rest = Constant(1 - p.average_decay);
    for (int64_t i = begin; i < end; i += kLanes) {
      const size_t n = static_cast<size_t>(end - i);
      const Vec gradient = hn::Mul(gradient_scale, LoadPart(g + i, n));
      const Vec first = hn::MulAdd(beta1, LoadPart(m + i, n), hn::Mul(rest1, gradient));
      const Vec second = hn::MulAdd(beta2, LoadPart(v + i, n), hn::Mul(rest2, hn::Mul(gradient, gradient)));
      const Vec step = hn::Div(hn::Mul(first, inverse1), hn::Add(hn::Sqrt(hn::Mul(second, inverse2)), epsilon));
      const Vec weight = hn::NegMulAdd(rate, step, hn::Mul(keep, LoadPart(w + i, n)));
      StorePart(first, m + i, n);
      StorePart(second, v + i, n);
      StorePart(weight, w + i, n);
      if (!average) continue;
      const Vec before = LoadPart(average + i, n);  // in this form the average of a weight that rests is that weight
      StorePart(hn::MulAdd(average_rest, hn::Sub(weight, before), before), average + i, n);
    }
  });
}

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qkv::cpu {
HWY_EXPORT(ActivationForward);
HWY_EXPORT(ActivationBackward);
HWY_EXPORT(GatedActivation);
HWY_EXPORT(GatedActivationBackward);
HWY_EXPORT(DropoutAdd);
HWY_EXPORT(Copy);
HWY_EXPORT(ColumnSum);
HWY_EXPORT(SumOfSquares);
HWY_EXPORT(AdamW);

void activation(const ActivationParams& p) { HWY_DYNAMIC_DISPATCH(ActivationForward)(p); }
void activation_backward(const ActivationBackwardParams& p) { HWY_DYNAMIC_DISPATCH(ActivationBackward)(p); }
void gated_activation(const GatedActivationParams& p) { HWY_DYNAMIC_DISPATCH(GatedActivation)(p); }
void gated_activation_backward(const GatedActivationBackwardParams& p) { HWY_DYNAMIC_DISPATCH(GatedActivationBackward)(p); }
void dropout_add(const DropoutAddParams& p) { HWY_DYNAMIC_DISPATCH(DropoutAdd)(p); }
void copy(const CopyParams& p) { HWY_DYNAMIC_DISPATCH(Copy)(p); }
void column_sum(const ColumnSumParams& p) { HWY_DYNAMIC_DISPATCH(ColumnSum)(p); }
void sum_of_squares(const SumOfSquaresParams& p) { *p.sum.as<double>() = HWY_DYNAMIC_DISPATCH(SumOfSquares)(p.x); }
void adamw(const AdamWParams& p) { HWY_DYNAMIC_DISPATCH(AdamW)(p); }

}  // namespace qkv::cpu
#endif
