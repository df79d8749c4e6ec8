#include "lab/networks/network_ops.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace qkv::lab {

namespace {

// Copies row i of `from`, or zeros if it is empty, to row rows[i] of `to`.
void put_rows(const Tensor& to, std::span<const int32_t> rows, const Tensor& from) {
  const int64_t bytes = to.cols() * size_of(to.dtype());
  for (size_t i = 0; i < rows.size(); ++i) {
    char* row = to.host<char>() + rows[i] * bytes;
    from ? std::memcpy(row, from.host<char>() + static_cast<int64_t>(i) * bytes, bytes) : std::memset(row, 0, bytes);
  }
}

}  // namespace

Tensor replace_rows(const Tensor& x, std::span<const int32_t> rows, const Tensor& values) {
  QKV_CHECK(values.rows() == std::ssize(rows) && values.cols() == x.cols() && values.dtype() == x.dtype(),
            "[replace_rows] {} rows of {} {} by {} {}", rows.size(), name_of(x.dtype()), to_string(x.shape()), name_of(values.dtype()),
            to_string(values.shape()));
  Tensor y = Tensor::empty(x.shape(), x.dtype(), x.device());
  y.copy_from(x);
  put_rows(y, rows, values);
  record(y, {x, values}, [x, values, rows = std::vector<int32_t>(rows.begin(), rows.end())](const Tensor& dy) {
    const RecordScope no_gradient(nullptr);
    Tensor dx = Tensor::empty(x.shape(), x.dtype(), x.device());
    dx.copy_from(dy);
    put_rows(dx, rows, {});
    add_gradient(x, dx);
    add_gradient(values, select_rows(dy, rows));
  });
  return y;
}

namespace {

float feature(float x) { return x > 0 ? x + 1 : std::exp(x); }  // elu(x) + 1
float feature_slope(float x) { return x > 0 ? 1 : std::exp(x); }

// The rows of one sequence and head.
struct Head {
  int64_t stride, size, length;
  bool causal;
  int64_t seen(int64_t query) const { return causal ? query + 1 : length; }
};

std::vector<float> features(const Head& head, const float* x) {
  std::vector<float> result(static_cast<size_t>(head.length * head.size));
  for (int64_t i = 0; i < head.length; ++i) {
    for (int64_t c = 0; c < head.size; ++c) result[i * head.size + c] = feature(x[i * head.stride + c]);
  }
  return result;
}

float dot(const float* a, const float* b, int64_t size) {
  float sum = 0;
  for (int64_t c = 0; c < size; ++c) sum += a[c] * b[c];
  return sum;
}

void add_scaled(float* to, float scale, const float* from, int64_t size) {
  for (int64_t c = 0; c < size; ++c) to[c] += scale * from[c];
}

void forward(const Head& head, const float* q, const float* k, const float* v, float* out) {
  const std::vector<float> fq = features(head, q), fk = features(head, k);
  for (int64_t i = 0; i < head.length; ++i) {
    float* row = out + i * head.stride;
    std::fill(row, row + head.size, 0.0f);
    float sum = 0;
    for (int64_t j = 0; j < head.seen(i); ++j) {
      const float weight = dot(&fq[i * head.size], &fk[j * head.size], head.size);
      sum += weight;
      add_scaled(row, weight, v + j * head.stride, head.size);
    }
    for (int64_t c = 0; c < head.size; ++c) row[c] /= sum;
  }
}

// With a_ij = f(q_i) . f(k_j) and n_i their sum: d a_ij = dout_i . (v_j - out_i) / n_i.
void backward(const Head& head, const float* q, const float* k, const float* v, const float* out, const float* dout, float* dq, float* dk,
              float* dv) {
  const std::vector<float> fq = features(head, q), fk = features(head, k);
  std::vector<float> dfq(fq.size()), dfk(fk.size()), weights(static_cast<size_t>(head.length));
  for (int64_t i = 0; i < head.length; ++i) {
    float sum = 0;
    for (int64_t j = 0; j < head.seen(i); ++j) sum += weights[j] = dot(&fq[i * head.size], &fk[j * head.size], head.size);
    const float* dy = dout + i * head.stride;
    const float shared = dot(dy, out + i * head.stride, head.size);
    for (int64_t j = 0; j < head.seen(i); ++j) {
      const float slope = (dot(dy, v + j * head.stride, head.size) - shared) / sum;
      add_scaled(&dfq[i * head.size], slope, &fk[j * head.size], head.size);
      add_scaled(&dfk[j * head.size], slope, &fq[i * head.size], head.size);
      add_scaled(dv + j * head.stride, weights[j] / sum, dy, head.size);
    }
  }
  for (int64_t i = 0; i < head.length; ++i) {
    for (int64_t c = 0; c < head.size; ++c) {
      dq[i * head.stride + c] += dfq[i * head.size + c] * feature_slope(q[i * head.stride + c]);
      dk[i * head.stride + c] += dfk[i * head.size + c] * feature_slope(k[i * head.stride + c]);
    }
  }
}

}  // namespace

Tensor linear_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Segments& segments, int num_heads, bool causal) {
  QKV_CHECK(q.shape() == k.shape() && q.shape() == v.shape() && q.dtype() == DType::f32, "[linear_attention] q, k and v differ in shape");
  Tensor out = Tensor::empty(q.shape(), q.dtype());
  const auto for_each_head = [stride = q.cols(), num_heads, causal, segments](auto&& body) {
    for (int64_t s = 0; s < segments.count(); ++s) {
      const Head head{stride, stride / num_heads, segments.length(s), causal};
      for (int h = 0; h < num_heads; ++h) body(head, segments.begin(s) * stride + h * head.size);
    }
  };
  for_each_head([&](const Head& head, int64_t at) {
    forward(head, q.host<float>() + at, k.host<float>() + at, v.host<float>() + at, out.host<float>() + at);
  });
  // The node keeps the values of `out` in another tensor: a tensor that held itself would never be freed.
  record(out, {q, k, v}, [q, k, v, values = out.reshaped(out.shape()), for_each_head](const Tensor& dout) {
    const auto gradient_of = [](const Tensor& x) { return gradient_sum(x) ? x.grad().host<float>() : nullptr; };
    float *const dq = gradient_of(q), *const dk = gradient_of(k), *const dv = gradient_of(v);
    for_each_head([&](const Head& head, int64_t at) {
      backward(head, q.host<float>() + at, k.host<float>() + at, v.host<float>() + at, values.host<float>() + at, dout.host<float>() + at,
               dq + at, dk + at, dv + at);
    });
  });
  return out;
}

}  // namespace qkv::lab
