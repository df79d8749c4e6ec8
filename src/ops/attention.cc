#include <algorithm>
#include <cmath>

#include "ops/ops.h"
#include "tensor/device_indices.h"

namespace qkv {
namespace {

void check_relative(const Tensor& q, const Segments& queries, const Segments& keys, const AttentionOptions& options) {
  const auto& [of_keys, of_queries, row] = options.relative;
  QKV_CHECK(row || (!of_keys && !of_queries), "[attention] relative positions without their rows");
  if (!row) return;
  QKV_CHECK(options.num_key_value_heads == options.num_heads && !keys.listed(),
            "[attention] relative positions need keys and values of each head, in the order of their sequence");
  for (const Tensor& x : {of_keys, of_queries}) {
    QKV_CHECK(!x || (x.cols() == q.cols() && x.dtype() == q.dtype()), "[attention] relative positions of {} in {}, q is {} in {}",
              to_string(x.shape()), name_of(x.dtype()), to_string(q.shape()), name_of(q.dtype()));
    const auto [least, most] = std::minmax(row->front(), row->back());
    QKV_CHECK(!x || (least >= 0 && most < x.rows()), "[attention] rows {} to {} of {} relative positions", least, most, x.rows());
  }
  for (int64_t i = 0; i < keys.count(); ++i) {
    QKV_CHECK(queries.length(i) == keys.length(i) && keys.length(i) <= std::ssize(*row) / 2 + 1,
              "[attention] {} queries and {} keys of a sequence, the relative positions reach {}", queries.length(i), keys.length(i),
              std::ssize(*row) / 2);
  }
}

DeviceIndices relative_rows(const AttentionOptions& options, Device device) {
  return {options.relative.row ? std::span<const int32_t>(*options.relative.row) : std::span<const int32_t>(), device};
}

// Checks the shapes and returns the kernel's parameters. relative: the indices of relative_rows().
AttentionParams attention_params(const Tensor& q, const Tensor& k, const Tensor& v, const Segments& queries, const Segments& keys,
                                 const AttentionOptions& options, const DeviceIndices& relative) {
  QKV_CHECK(options.num_heads > 0 && q.cols() % options.num_heads == 0, "[attention] {} heads do not divide the {} columns of q",
            options.num_heads, q.cols());
  QKV_CHECK(options.num_key_value_heads > 0 && options.num_heads % options.num_key_value_heads == 0,
            "[attention] {} key/value heads do not divide {} query heads", options.num_key_value_heads, options.num_heads);
  const int64_t head_dim = q.cols() / options.num_heads;
  // Rows that are listed lie in memory that grows, which may have more room for one of the two.
  QKV_CHECK(k.cols() == head_dim * options.num_key_value_heads && v.cols() == k.cols() && (keys.listed() || v.rows() == k.rows()),
            "[attention] k is {} and v {}; {} columns are wanted", to_string(k.shape()), to_string(v.shape()),
            head_dim * options.num_key_value_heads);
  QKV_CHECK(queries.count() == keys.count(), "[attention] {} sequences of queries, {} of keys", queries.count(), keys.count());
  QKV_CHECK(options.window >= 0 && options.softcap >= 0 && options.scale >= 0,
            "[attention] window {}, softcap {} and scale {}; none may be negative", options.window, options.softcap, options.scale);
  check_relative(q, queries, keys, options);
  const Tensor& bias = options.distance_bias;
  if (bias) {
    QKV_CHECK(bias.rows() == options.num_heads && bias.cols() % 2 == 1,
              "[attention] the bias of distances is {}; [{}, 2 * reach + 1] is wanted", to_string(bias.shape()), options.num_heads);
    for (int64_t i = 0; i < keys.count(); ++i) {
      QKV_CHECK(std::max(queries.length(i), keys.length(i)) <= bias.cols() / 2 + 1,
                "[attention] a sequence of {} tokens, the bias of distances reaches {}", std::max(queries.length(i), keys.length(i)),
                bias.cols() / 2);
    }
  }
  return {.q = q.view(),
          .k = k.view(),
          .v = v.view(),
          .out = {},
          .log_sum_exp = {},
          .queries = queries.view(q.device()),
          .keys = keys.view(q.device()),
          .num_heads = options.num_heads,
          .num_key_value_heads = options.num_key_value_heads,
          .scale = options.scale != 0 ? options.scale : 1 / std::sqrt(static_cast<float>(head_dim)),
          .causal = options.causal,
          .window = options.window,
          .softcap = options.softcap,
          .distance_bias = bias ? bias.view() : View{},
          .distance_origin = bias ? bias.cols() / 2 : 0,
          .relative_keys = options.relative.keys ? options.relative.keys.view() : View{},
          .relative_queries = options.relative.queries ? options.relative.queries.view() : View{},
          .relative_row = options.relative.row ? relative.data() : nullptr,
          .relative_origin = options.relative.row ? std::ssize(*options.relative.row) / 2 : 0,
          .dropout = options.dropout,
          .implementation = options.implementation};
}

// Attention with the scores described by the options; additive scores if `weight` is given.
AttentionResult attend(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& weight, const Segments& queries,
                       const Segments& keys, const AttentionOptions& options) {
  const DeviceIndices relative = relative_rows(options, q.device());
  AttentionParams params = attention_params(q, k, v, queries, keys, options, relative);
  QKV_CHECK(queries.tokens() == q.rows(), "[attention] segments of {} tokens, q has {} rows", queries.tokens(), q.rows());
  QKV_CHECK(keys.listed() || keys.tokens() == k.rows(), "[attention] segments of {} tokens, k has {} rows", keys.tokens(), k.rows());
  const bool differentiable = wants_gradient({q, k, v, weight, options.distance_bias, options.relative.keys, options.relative.queries});
  AttentionResult result{Tensor::empty(q.shape(), q.dtype(), q.device()), {}};
  if (differentiable || options.save_log_sum_exp) {
    result.log_sum_exp = Tensor::empty({q.rows(), 2 * options.num_heads}, statistics_type(q), q.device());
  }
  const Tensor out_rest = differentiable && q.dtype() == DType::bf16 ? Tensor::empty(q.shape(), q.dtype(), q.device()) : Tensor();
  params.out = result.out.view();
  params.out_rest = out_rest.view();
  params.log_sum_exp = result.log_sum_exp.view();
  if (weight) {
    kernels_for(q).additive_attention({params, weight.view()});
  } else {
    kernels_for(q).attention(params);
  }
  const Tensor out = result.out, log_sum_exp = result.log_sum_exp;
  const Tensor bias = options.distance_bias;
  if (!differentiable) return result;
  QKV_CHECK(!keys.listed(), "[attention] keys that are listed row by row have no gradient");
  record(out, {q, k, v, weight, bias, options.relative.keys, options.relative.queries}, [=](const Tensor& dout) {
    // This closure holds copies of the segments; the views are created again from them.
    const DeviceIndices relative_again = relative_rows(options, q.device());
    AttentionParams forward = attention_params(q, k, v, queries, keys, options, relative_again);
    forward.out = out.view();
    forward.out_rest = out_rest.view();
    forward.log_sum_exp = log_sum_exp.view();
    const auto like = [](const Tensor& x) { return x ? Tensor::empty(x.shape(), x.dtype(), x.device()) : Tensor(); };
    const Tensor dq = like(q), dk = like(k), dv = like(v), dbias = bias && bias.requires_grad() ? like(bias) : Tensor();
    const Tensor drelative_keys = like(options.relative.keys), drelative_queries = like(options.relative.queries);
    const AttentionBackwardParams backward{
        forward, dout.view(), dq.view(), dk.view(), dv.view(), dbias.view(), drelative_keys.view(), drelative_queries.view()};
    if (weight) {
      kernels_for(q).additive_attention_backward({backward, weight.view(), gradient_sum(weight)});
    } else {
      kernels_for(q).attention_backward(backward);
    }
    if (dbias) add_gradient(bias, dbias);
    if (drelative_keys) add_gradient(options.relative.keys, drelative_keys);
    if (drelative_queries) add_gradient(options.relative.queries, drelative_queries);
    for (const auto& [x, dx] : {std::pair{q, dq}, std::pair{k, dk}, std::pair{v, dv}}) add_gradient(x, dx);
  });
  return result;
}

}  // namespace

AttentionResult attention(const Tensor& q, const Tensor& k, const Tensor& v, const Segments& queries, const Segments& keys,
                          const AttentionOptions& options) {
  return attend(q, k, v, {}, queries, keys, options);
}

Tensor additive_attention(const Tensor& q, const Tensor& k, const Tensor& values, const Tensor& weight, const Segments& queries,
                          const Segments& keys, AttentionOptions options) {
  QKV_CHECK(weight.numel() == q.cols() && weight.dtype() == statistics_type(q) && weight.cols() * options.num_heads == q.cols(),
            "[additive_attention] the weight is {} of {}; [{}, {}] of {} is wanted", to_string(weight.shape()), name_of(weight.dtype()),
            options.num_heads, q.cols() / std::max(1, options.num_heads), name_of(statistics_type(q)));
  if (options.scale == 0) options.scale = 1;
  return attend(q, k, values, weight, queries, keys, options).out;
}

Tensor attention_map(const Tensor& q, const Tensor& k, const Tensor& log_sum_exp, const Segments& queries, const Segments& keys,
                     const AttentionOptions& options, int64_t segment, int head, int64_t first_query, int64_t count) {
  const DeviceIndices relative = relative_rows(options, q.device());
  AttentionParams params = attention_params(q, k, k, queries, keys, options, relative);
  QKV_CHECK(segment >= 0 && segment < queries.count(), "[attention_map] sequence {} of {}", segment, queries.count());
  QKV_CHECK(head >= 0 && head < options.num_heads, "[attention_map] head {} of {}", head, options.num_heads);
  if (count < 0) count = queries.length(segment) - first_query;
  QKV_CHECK(first_query >= 0 && count >= 0 && first_query + count <= queries.length(segment), "[attention_map] queries {} to {} of {}",
            first_query, first_query + count, queries.length(segment));
  params.log_sum_exp = log_sum_exp.view();
  Tensor weights = Tensor::empty({count, keys.length(segment)}, statistics_type(q), q.device());
  kernels_for(q).attention_map({params, segment, head, first_query, weights.view()});
  return weights;
}

Tensor mean_of_sequences(const Tensor& x, const Segments& segments) {
  constexpr int64_t kColumns = 64;  // of a head
  const int heads = x.cols() % kColumns == 0 ? static_cast<int>(x.cols() / kColumns) : 1;
  const Tensor queries = Tensor::zeros({segments.count(), x.cols()}, x.dtype(), x.device());
  const Tensor keys = Tensor::zeros(x.shape(), x.dtype(), x.device());
  const std::vector<int32_t> one_each(static_cast<size_t>(segments.count()), 1);
  return attention(queries, keys, x, Segments::of_lengths(one_each), segments,
                   {.num_heads = heads, .num_key_value_heads = heads, .save_log_sum_exp = false})
      .out;
}

}  // namespace qkv
