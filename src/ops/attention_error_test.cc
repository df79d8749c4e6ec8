// Error bounds of bf16: the errors of outputs and gradients, measured against double, are at most twice those of the plain formula in the
// same precision (bf16 inputs, f32 arithmetic, one rounding at the end). If products are bf16, the plain formula also rounds the weights
// and the gradients of scores.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "kernels/bf16.h"
#include "tests/op_matrix.h"

namespace qkv {
namespace {

struct ErrorCase {
  std::string name;
  std::vector<int32_t> queries, keys;
  int heads = 1, kv_heads = 1, size = 16;
  bool causal = false;
  float score_offset = 0;  // added to all scores by the middle column of q and k, whose products are exact
  float bias = 0;          // added to all scores by the distance bias
  float mean = 0;          // mean of the values
};

std::vector<ErrorCase> cases() {
  const std::vector<int32_t> edges{1, 2, 47, 48, 49, 0, 255, 256, 257, 5}, short_keys{1, 3, 20, 48, 30, 4, 256, 257, 255, 0},
      few{3, 0, 1, 60}, keys_of_few{90, 5, 300, 60};
  return {{.name = "edges of tiles", .queries = edges, .keys = edges, .heads = 2, .causal = true},
          {.name = "edges of tiles of keys", .queries = {1, 2, 47, 48, 49, 0, 5, 6, 7, 5}, .keys = short_keys},
          {.name = "many keys", .queries = {2, 1}, .keys = {32768, 20000}},
          {.name = "scores of -1e4", .queries = few, .keys = keys_of_few, .score_offset = -1e4f},
          {.name = "scores of -1e6", .queries = few, .keys = keys_of_few, .causal = true, .score_offset = -1e6f},
          {.name = "biases of -1e4", .queries = few, .keys = keys_of_few, .bias = -1e4f},
          {.name = "biases of -1e30", .queries = few, .keys = keys_of_few, .heads = 3, .size = 20, .causal = true, .bias = -1e30f},
          {.name = "values far from zero", .queries = few, .keys = keys_of_few, .mean = 10}};
}

// Projected rows and the gradient of the output.
struct Inputs {
  std::vector<float> q, k, v, dout;
};

// Values representable in bf16.
std::vector<float> random_values(int64_t count, uint32_t stream, float mean = 0) {
  RandomStream random(11, stream);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& x : values) x = to_float(to_bf16(mean + random.normal()));
  return values;
}

int64_t total(const std::vector<int32_t>& lengths) { return std::accumulate(lengths.begin(), lengths.end(), int64_t{0}); }

Inputs inputs_of(const ErrorCase& c) {
  const int64_t q_count = total(c.queries) * c.heads * c.size, k_count = total(c.keys) * c.kv_heads * c.size;
  Inputs in{random_values(q_count, 1), random_values(k_count, 2), random_values(k_count, 3, c.mean), random_values(q_count, 4)};
  if (c.score_offset != 0) {
    const float root = to_float(to_bf16(std::sqrt(-c.score_offset * std::sqrt(static_cast<float>(c.size)))));
    for (size_t i = c.size / 2; i < in.q.size(); i += c.size) in.q[i] = root;
    for (size_t i = c.size / 2; i < in.k.size(); i += c.size) in.k[i] = -root;
  }
  return in;
}

struct Results {
  std::vector<double> out, dq, dk, dv;
  std::vector<std::pair<const char*, const std::vector<double>*>> all() const {
    return {{"out", &out}, {"dq", &dq}, {"dk", &dk}, {"dv", &dv}};
  }
};

// softmax(scale q k^T + bias) v and its gradient for one query and head, computed directly from the formula.
template <typename Real>
void plain_row(const ErrorCase& c, const Inputs& in, int64_t query, int64_t first_key, int64_t keys, int head, std::vector<Real>* sums,
               bool bf16_products) {
  const Real scale = 1 / std::sqrt(static_cast<Real>(c.size));
  const int64_t q_at = query * c.heads * c.size + head * c.size;
  const auto k_at = [&](int64_t j) { return (first_key + j) * c.kv_heads * c.size + head / (c.heads / c.kv_heads) * c.size; };
  const auto dot = [&](const std::vector<float>& a, int64_t a_at, const std::vector<float>& b, int64_t b_at) {
    Real sum = 0;
    for (int i = 0; i < c.size; ++i) sum += static_cast<Real>(a[a_at + i]) * static_cast<Real>(b[b_at + i]);
    return sum;
  };
  std::vector<Real> p(static_cast<size_t>(keys)), dp(p.size());
  Real largest = -INFINITY, sum = 0, d = 0;
  for (int64_t j = 0; j < keys; ++j) {
    p[j] = dot(in.q, q_at, in.k, k_at(j)) * scale + static_cast<Real>(c.bias);
    largest = std::max(largest, p[j]);
  }
  for (Real& x : p) sum += x = std::exp(x - largest);
  for (int64_t j = 0; j < keys; ++j) {
    p[j] /= sum;
    dp[j] = dot(in.dout, q_at, in.v, k_at(j));
    d += p[j] * dp[j];
  }
  auto &out = sums[0], &dq = sums[1], &dk = sums[2], &dv = sums[3];
  const auto factor = [&](Real x) { return bf16_products ? static_cast<Real>(to_float(to_bf16(static_cast<float>(x)))) : x; };
  for (int64_t j = 0; j < keys; ++j) {
    const Real ds = factor(p[j] * (dp[j] - d)) * scale;
    p[j] = factor(p[j]);
    for (int i = 0; i < c.size; ++i) {
      out[q_at + i] += p[j] * in.v[k_at(j) + i];
      dq[q_at + i] += ds * in.k[k_at(j) + i];
      dk[k_at(j) + i] += ds * in.q[q_at + i];
      dv[k_at(j) + i] += p[j] * in.dout[q_at + i];
    }
  }
}

template <typename Real>
Results plain(const ErrorCase& c, const Inputs& in, bool bf16_products = false) {
  std::vector<Real> sums[4];
  for (int i = 0; i < 4; ++i) sums[i].resize(i < 2 ? in.q.size() : in.k.size());
  int64_t first_query = 0, first_key = 0;
  for (size_t s = 0; s < c.queries.size(); ++s) {
    for (int64_t i = 0; i < c.queries[s]; ++i) {
      const int64_t keys = c.causal ? std::clamp<int64_t>(i + 1 + c.keys[s] - c.queries[s], 0, c.keys[s]) : c.keys[s];
      for (int head = 0; head < c.heads && keys > 0; ++head) plain_row(c, in, first_query + i, first_key, keys, head, sums, bf16_products);
    }
    first_query += c.queries[s];
    first_key += c.keys[s];
  }
  Results results;
  for (int i = 0; i < 4; ++i) {
    std::vector<double>& to = *std::array{&results.out, &results.dq, &results.dk, &results.dv}[i];
    for (const Real x : sums[i])
      to.push_back(std::is_same_v<Real, double> ? static_cast<double>(x) : to_float(to_bf16(static_cast<float>(x))));
  }
  return results;
}

// A tensor whose memory is followed by NaN.
Tensor with_nan_behind(const std::vector<float>& values, int64_t cols) {
  std::vector<float> longer = values;
  longer.resize(values.size() + 64 * static_cast<size_t>(cols), std::nanf(""));
  const int64_t rows = static_cast<int64_t>(values.size()) / cols;
  const Tensor tensor = Tensor::from(longer, {rows + 64, cols}, DType::bf16).row_range(0, rows);
  tensor.set_requires_grad(true);
  return tensor;
}

std::vector<double> doubles(const Tensor& x) {
  const std::vector<float> values = x.to_vector();
  return {values.begin(), values.end()};
}

Results ours(const ErrorCase& c, const Inputs& in, AttentionImplementation implementation) {
  const Segments queries = Segments::of_lengths(c.queries), keys = Segments::of_lengths(c.keys);
  const int64_t q_cols = c.heads * c.size, k_cols = c.kv_heads * c.size;
  const Tensor q = with_nan_behind(in.q, q_cols), k = with_nan_behind(in.k, k_cols), v = with_nan_behind(in.v, k_cols);
  AttentionOptions options{.num_heads = c.heads, .num_key_value_heads = c.kv_heads, .causal = c.causal};
  options.implementation = implementation;
  if (c.bias != 0) {
    options.distance_bias = Tensor::empty({c.heads, 2 * std::max(queries.longest(), keys.longest()) + 1}, DType::f32);
    options.distance_bias.fill(c.bias);
  }
  const Tensor dout = with_nan_behind(in.dout, q_cols);
  const Tensor out = testing::run_with_gradient([&] { return attention(q, k, v, queries, keys, options).out; }, dout);
  return {doubles(out), doubles(q.grad()), doubles(k.grad()), doubles(v.grad())};
}

// Leaves NaN in memory that kernels and tensors will reuse.
void leave_nan_behind(AttentionImplementation implementation) {
  const ErrorCase c{.queries = {300}, .keys = {300}, .size = 32};
  const std::vector<float> nan(300 * 32, std::nanf(""));
  ours(c, {nan, nan, nan, nan}, implementation);
}

double error_of(const std::vector<double>& x, const std::vector<double>& exact) {
  double error = 0, largest = 0;
  for (size_t i = 0; i < exact.size(); ++i) {
    if (std::isnan(x[i])) return INFINITY;
    error = std::max(error, std::abs(x[i] - exact[i]));
    largest = std::max(largest, std::abs(exact[i]));
  }
  return error / largest;
}

TEST(AttentionErrors, OfBf16AreAtMostTwiceThoseOfThePlainFormula) {
  constexpr double kRounding = 1e-6;  // f32 rounding, for cases in which the plain formula happens to be exact
  const testing::KeepIsa keep;
  for (const ErrorCase& c : cases()) {
    const Inputs in = inputs_of(c);
    const Results exact = plain<double>(c, in), in_f32 = plain<float>(c, in), in_bf16 = plain<float>(c, in, true);
    for (const Isa isa : available_isas()) {
      set_isa(isa);
      for (const auto implementation : {AttentionImplementation::composed, AttentionImplementation::flash}) {
        leave_nan_behind(implementation);
        const Results got = ours(c, in, implementation);
        const bool bf16_products = implementation == AttentionImplementation::flash && isa >= Isa::avx512_bf16;
        const Results& simple = bf16_products ? in_bf16 : in_f32;
        for (size_t i = 0; i < 4; ++i) {
          const double allowed = 2 * error_of(*simple.all()[i].second, *exact.all()[i].second) + kRounding;
          const double error = error_of(*got.all()[i].second, *exact.all()[i].second);
          EXPECT_LE(error, allowed) << got.all()[i].first << " of " << c.name << ", " << name_of(implementation) << " on " << name_of(isa);
        }
      }
    }
  }
}

}  // namespace
}  // namespace qkv
