#include "lab/networks/key_value_pooling.h"

#include <gtest/gtest.h>

#include "lab/networks/network.h"

namespace qkv::lab {
namespace {

std::vector<float> values_of(const ParameterStore& store, const std::string& name) { return store.find(name)->value.to_vector(); }

TEST(KeyValuePooling, AHeadIsTheMeanOfThoseThatServedItsQueries) {
  ParameterStore from(1, true), to(2, true);
  from.create("k.weight", {4, 2}, Initializer::zeros(), true).copy_from(Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8}, {4, 2}));
  from.create("k.bias", {4}, Initializer::zeros(), false).copy_from(Tensor::from(std::vector<float>{1, 3, 10, 20}, {4}));
  to.create("k.weight", {2, 2}, Initializer::ones(), true);
  to.create("k.bias", {2}, Initializer::ones(), false);
  pool_key_value_heads(from, to, 1);
  EXPECT_EQ(values_of(to, "k.weight"), (std::vector<float>{2, 3, 6, 7}));
  EXPECT_EQ(values_of(to, "k.bias"), (std::vector<float>{2, 15}));
}

// Heads that are the same within each group lose nothing.
TEST(KeyValuePooling, EqualHeadsArePooledWithoutAnyChange) {
  NetworkOptions options{.vocab_size = 11, .hidden_size = 32, .layers = 2, .heads = 4, .key_value_heads = 2, .ffn_size = 32};
  options.qk_gain = 20;
  ParameterStore few(1, true), many(2, true), pooled(3, true);
  const Network grouped(options, few);
  options.key_value_heads = 4;
  const Network full(options, many);
  options.key_value_heads = 2;
  const Network again(options, pooled);
  for (const Parameter& parameter : many.all()) {  // rows of head h from head h / 2
    const std::vector<float> source = values_of(few, parameter.name);
    std::vector<float> values = parameter.value.to_vector();
    const bool same = source.size() == values.size();
    const size_t block = values.size() / 4;
    for (size_t i = 0; i < values.size(); ++i) values[i] = source[same ? i : i / block / 2 * block + i % block];
    parameter.value.copy_from(Tensor::from(values, parameter.value.shape()));
  }
  pool_key_value_heads(many, pooled, options.head_size());
  const TokenBatch batch{{1, 2, 3, 4, 5}, Segments::of_lengths(std::vector<int32_t>{5})};
  ForwardContext context;
  const std::vector<float> expected = full.forward(batch, context).to_vector(), got = again.forward(batch, context).to_vector();
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(got[i], expected[i], 1e-5);
}

}  // namespace
}  // namespace qkv::lab
