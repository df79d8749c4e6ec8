// Attention by the formula, and the loss over a vocabulary.
#include <cmath>
#include <vector>

#include "kernels/dropout.h"
#include "kernels/reference/reference.h"

namespace qkv::reference {
namespace {

// For one row of scores: the two parts of the saved log-sum-exp.
struct LogSumExp {
  double largest, log_sum;
};

// One sequence and one head of an AttentionParams.
struct Head {
  const AttentionParams& params;
  const View& additive;  // AdditiveAttentionParams::weight; empty: scores are products
  int64_t segment;
  int head;

  int64_t size() const { return params.q.cols / params.num_heads; }
  int64_t queries() const { return params.queries.length[segment]; }
  int64_t keys() const { return params.keys.length[segment]; }
  int64_t query_row(int64_t i) const { return params.queries.begin[segment] + i; }
  int64_t key_row(int64_t j) const {
    const int64_t row = params.keys.begin[segment] + j;
    return params.keys.index ? params.keys.index[row] : row;
  }
  int64_t query_column() const { return head * size(); }
  int64_t key_column() const { return head / (params.num_heads / params.num_key_value_heads) * size(); }
  int64_t distance(int64_t i, int64_t j) const { return j - (i + keys() - queries()); }
  bool visible(int64_t i, int64_t j) const {
    return !(params.causal && distance(i, j) > 0) && (params.window == 0 || std::abs(distance(i, j)) < params.window);
  }

  double query(int64_t i, int64_t c) const { return at(params.q, query_row(i), query_column() + c); }
  double key(int64_t j, int64_t c) const { return at(params.k, key_row(j), key_column() + c); }
  // The relative row of a query and a key, in disentangled attention.
  int64_t relative(int64_t i, int64_t j) const { return params.relative_row[params.relative_origin + distance(i, j)]; }
  // The factor of query(i, c) in the product with key j, and the other way round.
  double seen_by_query(int64_t i, int64_t j, int64_t c) const {
    return key(j, c) + (params.relative_keys ? at(params.relative_keys, relative(i, j), query_column() + c) : 0);
  }
  double seen_by_key(int64_t i, int64_t j, int64_t c) const {
    return query(i, c) + (params.relative_queries ? at(params.relative_queries, relative(i, j), query_column() + c) : 0);
  }
  double product(int64_t i, int64_t j) const {
    double sum = 0;
    for (int64_t c = 0; c < size(); ++c) {
      sum += additive ? at(additive, head, c) * std::tanh(query(i, c) + key(j, c))
                      : query(i, c) * (seen_by_query(i, j, c) - key(j, c)) + key(j, c) * seen_by_key(i, j, c);
    }
    return sum;
  }
  // The score before the bias.
  double capped(int64_t i, int64_t j) const {
    const double scaled = product(i, j) * params.scale;
    return params.softcap == 0 ? scaled : params.softcap * std::tanh(scaled / params.softcap);
  }
  double score(int64_t i, int64_t j) const {
    return capped(i, j) + (params.distance_bias ? at(params.distance_bias, head, params.distance_origin + distance(i, j)) : 0);
  }
  // d score / d (scale * product)
  double slope(int64_t i, int64_t j) const {
    const double share = params.softcap == 0 ? 0 : capped(i, j) / params.softcap;
    return 1 - share * share;
  }
  LogSumExp log_sum_exp(int64_t i) const {
    double largest = -INFINITY, sum = 0;
    for (int64_t j = 0; j < keys(); ++j) {
      if (visible(i, j)) largest = std::max(largest, score(i, j));
    }
    for (int64_t j = 0; j < keys(); ++j) {
      if (visible(i, j)) sum += std::exp(score(i, j) - largest);
    }
    return {largest, std::log(sum)};
  }
  LogSumExp saved(int64_t i) const {
    return {at(params.log_sum_exp, query_row(i), 2 * head), at(params.log_sum_exp, query_row(i), 2 * head + 1)};
  }
  double weight(int64_t i, int64_t j, LogSumExp l) const { return visible(i, j) ? std::exp(score(i, j) - l.largest - l.log_sum) : 0; }
  double dropped(int64_t i, int64_t j) const {
    return dropout_factor(params.dropout, attention_element(query_row(i), params.num_heads, head, j));
  }
};

template <typename Body>
void for_each_head(const AttentionParams& p, const View& additive, Body&& body) {
  for (int64_t segment = 0; segment < p.queries.count; ++segment) {
    for (int head = 0; head < p.num_heads; ++head) body(Head{p, additive, segment, head});
  }
}

void zero(const View& x) {
  for (int64_t r = 0; r < x.rows; ++r) {
    for (int64_t c = 0; c < x.cols; ++c) at(x, r, c) = 0;
  }
}

void forward(const AttentionParams& p, const View& additive) {
  zero(p.out);
  for_each_head(p, additive, [&](const Head& h) {
    for (int64_t i = 0; i < h.queries(); ++i) {
      const LogSumExp log_sum_exp = h.log_sum_exp(i);
      if (p.log_sum_exp) {
        at(p.log_sum_exp, h.query_row(i), 2 * h.head) = log_sum_exp.largest;
        at(p.log_sum_exp, h.query_row(i), 2 * h.head + 1) = log_sum_exp.log_sum;
      }
      for (int64_t j = 0; j < h.keys(); ++j) {
        const double weight = h.weight(i, j, log_sum_exp) * h.dropped(i, j);
        for (int64_t c = 0; c < h.size(); ++c)
          at(p.out, h.query_row(i), h.query_column() + c) += weight * at(p.v, h.key_row(j), h.key_column() + c);
      }
    }
  });
}

// With P = softmax(S), D = dO . O per row: dV = P^T dO, dS = P * (dO V^T - D), dQ = scale dS K, dK = scale dS^T Q (Dao et al. 2022, B.2).
void backward(const AttentionBackwardParams& b, const View& additive, const View& dadditive) {
  const AttentionParams& p = b.forward;
  zero(b.dq);
  zero(b.dk);
  zero(b.dv);
  if (b.d_distance_bias) zero(b.d_distance_bias);
  if (b.d_relative_keys) zero(b.d_relative_keys);
  if (b.d_relative_queries) zero(b.d_relative_queries);
  for_each_head(p, additive, [&](const Head& h) {
    for (int64_t i = 0; i < h.queries(); ++i) {
      const int64_t row = h.query_row(i);
      double d = 0;
      for (int64_t c = 0; c < h.size(); ++c) d += at(b.dout, row, h.query_column() + c) * at(p.out, row, h.query_column() + c);
      for (int64_t j = 0; j < h.keys(); ++j) {
        if (!h.visible(i, j)) continue;
        const double weight = h.weight(i, j, h.saved(i)), kept = h.dropped(i, j);
        double dweight = 0;
        for (int64_t c = 0; c < h.size(); ++c) {
          const double dout = at(b.dout, row, h.query_column() + c);
          dweight += dout * at(p.v, h.key_row(j), h.key_column() + c) * kept;
          at(b.dv, h.key_row(j), h.key_column() + c) += weight * kept * dout;
        }
        const double dbiased = weight * (dweight - d), dscore = dbiased * h.slope(i, j) * p.scale;
        if (b.d_distance_bias) at(b.d_distance_bias, h.head, p.distance_origin + h.distance(i, j)) += dbiased;
        for (int64_t c = 0; c < h.size(); ++c) {
          const double t = additive ? std::tanh(h.query(i, c) + h.key(j, c)) : 0,
                       slope = additive ? at(additive, h.head, c) * (1 - t * t) : 0;
          at(b.dq, row, h.query_column() + c) += dscore * (additive ? slope : h.seen_by_query(i, j, c));
          at(b.dk, h.key_row(j), h.key_column() + c) += dscore * (additive ? slope : h.seen_by_key(i, j, c));
          if (b.d_relative_keys) at(b.d_relative_keys, h.relative(i, j), h.query_column() + c) += dscore * h.query(i, c);
          if (b.d_relative_queries) at(b.d_relative_queries, h.relative(i, j), h.query_column() + c) += dscore * h.key(j, c);
          if (dadditive) at(dadditive, h.head, c) += dscore * t;
        }
      }
    }
  });
}

}  // namespace

void attention(const AttentionParams& p) { forward(p, {}); }
void attention_backward(const AttentionBackwardParams& b) { backward(b, {}, {}); }
void additive_attention(const AdditiveAttentionParams& p) { forward(p.attention, p.weight); }
void additive_attention_backward(const AdditiveAttentionBackwardParams& b) { backward(b.attention, b.weight, b.dweight); }

void attention_map(const AttentionMapParams& m) {
  const View none;
  const Head h{m.forward, none, m.segment, m.head};
  for (int64_t row = 0; row < m.weights.rows; ++row) {
    const int64_t i = m.first_query + row;
    for (int64_t j = 0; j < h.keys(); ++j) at(m.weights, row, j) = h.weight(i, j, h.saved(i));
  }
}

void log_softmax(const LogSoftmaxParams& p) {
  for (int64_t r = 0; r < p.x.rows; ++r) {
    double largest = -INFINITY, sum = 0;
    for (int64_t c = 0; c < p.x.cols; ++c) largest = std::max(largest, at(p.x, r, c));
    for (int64_t c = 0; c < p.x.cols; ++c) sum += std::exp(at(p.x, r, c) - largest);
    for (int64_t c = 0; c < p.x.cols; ++c) at(p.x, r, c) -= largest + std::log(sum);
  }
}

void cross_entropy(const CrossEntropyParams& p) {
  const int64_t vocab = p.table.rows, size = p.table.cols;
  const double smoothing = p.label_smoothing;
  double& loss_sum = at(p.sums, 0);
  double& nll_sum = at(p.sums, 1);
  loss_sum = nll_sum = 0;
  std::vector<double> log_p(static_cast<size_t>(vocab)), slope(static_cast<size_t>(vocab), 1);  // slope: of the soft cap
  const View row{log_p.data(), 1, vocab, vocab, DType::f64};
  for (int64_t r = 0; r < p.hidden.rows; ++r) {
    matmul({.a = {p.hidden.row<double>(r), 1, size, size, DType::f64}, .b = p.table, .out = row, .bias = p.bias, .transpose_b = true});
    for (int64_t v = 0; p.softcap > 0 && v < vocab; ++v) {
      const double t = std::tanh(log_p[v] / p.softcap);
      log_p[v] = p.softcap * t;
      slope[v] = 1 - t * t;
    }
    log_softmax({row});
    double mean = 0;
    for (double value : log_p) mean += value / vocab;
    nll_sum -= log_p[p.targets[r]];
    loss_sum -= (1 - smoothing) * log_p[p.targets[r]] + smoothing * mean;
    if (!p.dhidden) continue;
    for (int64_t c = 0; c < size; ++c) at(p.dhidden, r, c) = 0;
    for (int64_t v = 0; v < vocab; ++v) {
      const double dlogit = slope[v] * p.scale * (std::exp(log_p[v]) - smoothing / vocab - (v == p.targets[r] ? 1 - smoothing : 0));
      for (int64_t c = 0; c < size; ++c) {
        at(p.dhidden, r, c) += dlogit * at(p.table, v, c);
        at(p.dtable, v, c) += dlogit * at(p.hidden, r, c);
      }
      if (p.dbias) at(p.dbias, v) += dlogit;
    }
  }
}

}  // namespace qkv::reference
