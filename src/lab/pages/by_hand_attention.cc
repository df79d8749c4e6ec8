#include <algorithm>
#include <cmath>

#include "lab/pages/by_hand.h"
#include "ops/ops.h"

namespace qkv::lab {
namespace {

const double kRoot = std::sqrt(2.0);

// Three tokens of two numbers and their projections, which several pages share.
struct Tokens {
  Matrix x{{1, 0}, {0, 1}, {1, 1}}, w_q{{1, 1}, {0, 2}}, w_k{{2, 0}, {1, 1}}, w_v{{1, -1}, {3, 1}};
  Matrix q = product(x, w_q), k = product(x, w_k), v = product(x, w_v);
  Matrix scores = product(q, transposed(k)), scaled_scores = scaled(scores, 1 / kRoot);
};

struct Attended {
  Matrix weights, out;
};
// One head by the op attention.
Attended attended(const Matrix& q, const Matrix& k, const Matrix& v, bool causal) {
  const Tensor tq = q.tensor(), tk = k.tensor(), tv = v.tensor();
  const AttentionOptions options{.causal = causal};
  const int32_t queries = static_cast<int32_t>(q.rows), keys = static_cast<int32_t>(k.rows);
  const Segments of_q = Segments::of_lengths({&queries, 1}), of_k = Segments::of_lengths({&keys, 1});
  const AttentionResult result = attention(tq, tk, tv, of_q, of_k, options);
  return {Matrix(attention_map(tq, tk, result.log_sum_exp, of_q, of_k, options, 0, 0)), Matrix(result.out)};
}

Matrix first_rows(const Matrix& a, int64_t count) {
  return {count, a.cols, std::vector<double>(a.values.begin(), a.values.begin() + count * a.cols)};
}

}  // namespace

Numbers self_attention_by_hand() {
  const Tokens t;
  const Matrix weights = softmax(t.scaled_scores);
  return {{"X", t.x},
          {"W_Q", t.w_q},
          {"W_K", t.w_k},
          {"W_V", t.w_v},
          {"Q", t.q},
          {"K", t.k},
          {"V", t.v},
          {"S", t.scores},
          {"scaled", t.scaled_scores},
          {"A", weights},
          {"O", product(weights, t.v)}};
}

Numbers multi_head_by_hand() {
  const Matrix x{{2, 0, 0, 2}, {0, 2, 0, 2}, {2, 0, 2, 0}}, w_o{{1, 0, 1, 0}, {0, 1, 0, 1}, {1, 0, -1, 0}, {0, 1, 0, -1}};
  const Matrix x_1 = x.columns(0, 2), x_2 = x.columns(2, 2);
  const Matrix s_1 = product(x_1, transposed(x_1)), s_2 = product(x_2, transposed(x_2));
  const Matrix a_1 = softmax(scaled(s_1, 1 / kRoot)), a_2 = softmax(scaled(s_2, 1 / kRoot));
  const Matrix o_1 = product(a_1, x_1), o_2 = product(a_2, x_2), concat = beside(o_1, o_2);
  return {{"X", x},     {"W_O", w_o}, {"S_1", s_1}, {"S_2", s_2},       {"A_1", a_1},
          {"A_2", a_2}, {"O_1", o_1}, {"O_2", o_2}, {"concat", concat}, {"Y", product(concat, w_o)}};
}

Numbers heads_by_hand() {
  const Matrix v{{1, 0}, {0, 1}, {0, 0}}, swapped{{0, 1}, {1, 0}, {0, 0}};
  const Matrix both = softmax(Matrix{{6, 6, 0}}), first = softmax(Matrix{{6, 0, 0}}), second = softmax(Matrix{{0, 6, 0}});
  return {{"V", v},
          {"V_swapped", swapped},
          {"both", both},
          {"first", first},
          {"second", second},
          {"one", product(both, v)},
          {"one_swapped", product(both, swapped)},
          {"two", beside(product(first, v), product(second, v))},
          {"two_swapped", beside(product(first, swapped), product(second, swapped))}};
}

Numbers encoder_decoder_by_hand() {
  const Tokens t;
  const Matrix y{{0, 1}, {1, 0}}, q = product(y, t.w_q), scores = product(q, transposed(t.k));
  const Matrix weights = softmax(scaled(scores, 1 / kRoot));
  return {{"M", t.x},
          {"Y", y},
          {"W_Q", t.w_q},
          {"W_K", t.w_k},
          {"W_V", t.w_v},
          {"Q", q},
          {"K", t.k},
          {"V", t.v},
          {"S", scores},
          {"A", weights},
          {"O", product(weights, t.v)}};
}

Numbers masks_by_hand() {
  const Tokens t;
  Matrix masked = t.scaled_scores;
  for (int64_t r = 0; r < 3; ++r) {
    for (int64_t c = r + 1; c < 3; ++c) masked.at(r, c) = -INFINITY;
  }
  const Attended causal = attended(t.q, t.k, t.v, true);
  return {{"scaled", t.scaled_scores}, {"masked", masked}, {"A_free", softmax(t.scaled_scores)},
          {"A", causal.weights},       {"V", t.v},         {"O", causal.out}};
}

Numbers padding_mask_by_hand() {
  const Tokens t;
  const Attended all = attended(t.q, t.k, t.v, false);
  const Attended real = attended(first_rows(t.q, 2), first_rows(t.k, 2), first_rows(t.v, 2), false);
  return {{"scaled", first_rows(t.scaled_scores, 2)}, {"V", t.v},          {"A_all", first_rows(all.weights, 2)},
          {"O_all", first_rows(all.out, 2)},          {"A", real.weights}, {"O", real.out}};
}

Numbers kv_heads_by_hand() {
  const Matrix q_1{{1, 1}, {0, 2}}, q_2{{1, -1}, {2, 0}};
  const Matrix k_1{{2, 0}, {1, 1}, {3, 1}}, k_2{{0, 1}, {1, 0}, {1, 1}}, v_1{{1, -1}, {3, 1}, {4, 0}}, v_2{{1, 0}, {0, 1}, {1, 1}};
  const Matrix s_1 = product(q_1, transposed(k_1)), s_2 = product(q_2, transposed(k_2));
  const Matrix a_1 = softmax(scaled(s_1, 1 / kRoot)), a_2 = softmax(scaled(s_2, 1 / kRoot));
  return {{"Q_1", q_1},
          {"Q_2", q_2},
          {"K_1", k_1},
          {"K_2", k_2},
          {"V_1", v_1},
          {"V_2", v_2},
          {"S_1", s_1},
          {"S_2", s_2},
          {"A_1", a_1},
          {"A_2", a_2},
          {"O_1", product(a_1, v_1)},
          {"O_2", product(a_2, v_2)},
          {"pooled", scaled(sum(k_1, k_2), 0.5)}};
}

Numbers kv_cache_by_hand() {
  const Tokens t;
  const Attended whole = attended(t.q, t.k, t.v, true), last = attended(t.q.row(2), t.k, t.v, true);
  return {{"K_kept", first_rows(t.k, 2)},
          {"V_kept", first_rows(t.v, 2)},
          {"q", t.q.row(2)},
          {"k", t.k.row(2)},
          {"v", t.v.row(2)},
          {"s", t.scores.row(2)},
          {"a", last.weights},
          {"o", last.out},
          {"O", whole.out}};
}

Numbers flash_attention_by_hand() {
  const Matrix q{{1, 1}}, k{{2, 0}, {1, 1}, {3, 1}, {0, 0}, {1, 0}, {2, 2}}, v{{1, -1}, {3, 1}, {4, 0}, {0, 2}, {1, 1}, {2, 0}};
  Numbers numbers{{"q", q}, {"K", k}, {"V", v}, {"s", scaled(product(q, transposed(k)), 1 / kRoot)}};
  const Matrix& s = numbers["s"];
  double m = -INFINITY, l = 0;
  Matrix o{{0, 0}};
  for (int tile = 0; tile < 3; ++tile) {
    const Matrix s_tile = s.columns(2 * tile, 2);
    const double highest = std::max(m, std::max(s_tile.at(0, 0), s_tile.at(0, 1))), factor = std::exp(m - highest);
    const Matrix p = each(s_tile, [&](double x) { return std::exp(x - highest); });
    const Matrix v_tile{{v.at(2 * tile, 0), v.at(2 * tile, 1)}, {v.at(2 * tile + 1, 0), v.at(2 * tile + 1, 1)}};
    l = factor * l + p.at(0, 0) + p.at(0, 1);
    o = sum(scaled(o, factor), product(p, v_tile));
    m = highest;
    const std::string number = std::to_string(tile + 1);
    numbers["s_" + number] = s_tile;
    numbers["V_" + number] = v_tile;
    numbers["m_" + number] = m;
    numbers["factor_" + number] = factor;
    numbers["p_" + number] = p;
    numbers["l_" + number] = l;
    numbers["o_" + number] = o;
  }
  numbers["O"] = scaled(o, 1 / l);
  numbers["whole"] = attended(q, k, v, false).out;
  return numbers;
}

Numbers scaling_by_hand() {
  const Matrix q{{1, 1}}, k{{1, 1}, {1, 0}, {-1, 0}};
  const Matrix s = product(q, transposed(k));
  Matrix q_long = q, k_long = k;
  for (int doubling = 0; doubling < 4; ++doubling) {
    q_long = beside(q_long, q_long);
    k_long = beside(k_long, k_long);
  }
  const Matrix s_long = product(q_long, transposed(k_long)), a_long = softmax(s_long);
  const Matrix a_long_scaled = softmax(scaled(s_long, 1 / std::sqrt(32.0)));
  const auto slope = [](double a) { return a * (1 - a); };
  return {{"q", q},
          {"K", k},
          {"s", s},
          {"s_long", s_long},
          {"a_long", a_long},
          {"a_long_scaled", a_long_scaled},
          {"root", kRoot},
          {"root_long", std::sqrt(32.0)},
          {"a_scaled", softmax(scaled(s, 1 / kRoot))},
          {"slope_long", slope(a_long.at(0, 0))},
          {"slope_long_scaled", slope(a_long_scaled.at(0, 0))}};
}

Numbers separate_projections_by_hand() {
  const double half = std::sqrt(3.0) / 2;
  const Matrix x{{2, 0}, {-1, 2 * half}, {-1, -2 * half}}, w_q{{-0.5, half}, {-half, -0.5}};
  const Matrix tied = product(x, transposed(x)), q = product(x, w_q), separate = product(q, transposed(x));
  return {{"X", x},
          {"W_Q", w_q},
          {"Q", q},
          {"S_tied", tied},
          {"A_tied", softmax(scaled(tied, 1 / kRoot))},
          {"S", separate},
          {"A", softmax(scaled(separate, 1 / kRoot))}};
}

Numbers dot_or_addition_by_hand() {
  const Tokens t;
  const Matrix q = t.q.row(0), w{{1}, {1}};
  Matrix sums = t.k;
  for (int64_t r = 0; r < 3; ++r) {
    for (int64_t c = 0; c < 2; ++c) sums.at(r, c) += q.at(0, c);
  }
  const Matrix tangents(activate(sums.tensor(), Activation::tanh));
  const Matrix e = transposed(product(tangents, w)), a_added = softmax(e);
  const Matrix s = t.scores.row(0), a = softmax(scaled(s, 1 / kRoot));
  return {{"q", q},
          {"K", t.k},
          {"V", t.v},
          {"sums", sums},
          {"tangents", tangents},
          {"e", e},
          {"a_added", a_added},
          {"o_added", product(a_added, t.v)},
          {"s", s},
          {"a", a},
          {"o", product(a, t.v)}};
}

}  // namespace qkv::lab
