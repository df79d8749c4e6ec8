// Properties of attention beyond its values, which the op matrix covers: masks, independent sequences, the map, caches.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/op_matrix.h"

namespace qkv {
namespace {

using testing::Pair;
using testing::random_pair;
using testing::relative_error;

const Segments& queries() {
  static const std::vector<int32_t> lengths{1, 7, 16, 0, 33, 100};
  static const Segments segments = Segments::of_lengths(lengths);
  return segments;
}
const Segments& keys() {
  static const std::vector<int32_t> lengths{45, 9, 16, 3, 70, 100};
  static const Segments segments = Segments::of_lengths(lengths);
  return segments;
}

// Runs body(type) with every instruction set of the machine.
template <typename Body>
void for_each_isa_and_type(Body&& body) {
  const testing::KeepIsa keep;
  for (const Isa isa : available_isas()) {
    set_isa(isa);
    for (const DType dtype : {DType::f32, DType::bf16}) {
      SCOPED_TRACE(fmt::format("{} on {}", name_of(dtype), name_of(isa)));
      body(dtype);
    }
  }
}

TEST(Attention, CausalQueryNeverSeesTheFuture) {
  const std::vector<int32_t> lengths{90};
  const Segments segments = Segments::of_lengths(lengths);
  for_each_isa_and_type([&](DType dtype) {
    const Pair q = random_pair({90, 32}, dtype, 1), k = random_pair({90, 32}, dtype, 2), v = random_pair({90, 32}, dtype, 3);
    const AttentionOptions options{.num_heads = 2, .num_key_value_heads = 2, .scale = 0, .causal = true, .dropout = {}};
    const std::vector<float> before = attention(q.cpu, k.cpu, v.cpu, segments, segments, options).out.to_vector();
    for (const Tensor& x : {k.cpu, v.cpu}) x.row_range(51, 1).fill(1e4f);
    const std::vector<float> after = attention(q.cpu, k.cpu, v.cpu, segments, segments, options).out.to_vector();
    for (int i = 0; i < 51 * 32; ++i) EXPECT_EQ(before[i], after[i]);
    EXPECT_NE(before[51 * 32], after[51 * 32]);
  });
}

TEST(Attention, OneSequenceAloneEqualsItselfAmongNeighbours) {
  for_each_isa_and_type([&](DType dtype) {
    const Pair q = random_pair({queries().tokens(), 64}, dtype, 1), k = random_pair({keys().tokens(), 64}, dtype, 2);
    const Pair v = random_pair({keys().tokens(), 64}, dtype, 3);
    const AttentionOptions options{.num_heads = 2, .num_key_value_heads = 2, .scale = 0, .causal = false, .dropout = {}};
    const Tensor together = attention(q.cpu, k.cpu, v.cpu, queries(), keys(), options).out;
    for (int64_t i = 0; i < queries().count(); ++i) {
      const int32_t query_length = queries().length(i), key_length = keys().length(i);
      const Segments own_queries = Segments::of_lengths({&query_length, 1}), own_keys = Segments::of_lengths({&key_length, 1});
      const Tensor alone = attention(q.cpu.row_range(queries().begin(i), query_length), k.cpu.row_range(keys().begin(i), key_length),
                                     v.cpu.row_range(keys().begin(i), key_length), own_queries, own_keys, options)
                               .out;
      EXPECT_EQ(alone.to_vector(), together.row_range(queries().begin(i), query_length).to_vector());
    }
  });
}

TEST(Attention, MapFromLogSumExpEqualsTheReference) {
  for_each_isa_and_type([&](DType dtype) {
    const Pair q = random_pair({queries().tokens(), 64}, dtype, 1), k = random_pair({keys().tokens(), 64}, dtype, 2);
    AttentionOptions options{.num_heads = 4, .num_key_value_heads = 4, .scale = 0, .causal = true, .dropout = {}};
    for (const float softcap : {0.0f, 2.0f}) {
      options.softcap = softcap;
      const Tensor lse = attention(q.cpu, k.cpu, k.cpu, queries(), keys(), options).log_sum_exp;
      const Tensor reference_lse = attention(q.reference, k.reference, k.reference, queries(), keys(), options).log_sum_exp;
      for (int64_t segment : {0, 2, 4, 5}) {
        const Tensor map = attention_map(q.cpu, k.cpu, lse, queries(), keys(), options, segment, 3);
        const Tensor expected = attention_map(q.reference, k.reference, reference_lse, queries(), keys(), options, segment, 3);
        // Tiles compute the exponential only to the precision that bf16 needs.
        EXPECT_LT(relative_error(map, expected), dtype == DType::f32 || current_isa() < Isa::avx512_bf16 ? 1e-5 : 2e-4);
        const int64_t half = queries().length(segment) / 2;
        const Tensor rows =
            attention_map(q.cpu, k.cpu, lse, queries(), keys(), options, segment, 3, half, queries().length(segment) - half);
        EXPECT_EQ(rows.to_vector(), map.row_range(half, queries().length(segment) - half).to_vector());
      }
    }
  });
}

TEST(Attention, AKeyThatIsNoNumberSpoilsOnlyTheQueriesThatSeeIt) {
  const std::vector<int32_t> lengths{90, 5};
  const Segments segments = Segments::of_lengths(lengths);
  for_each_isa_and_type([&](DType dtype) {
    const Pair q = random_pair({95, 32}, dtype, 1), k = random_pair({95, 32}, dtype, 2), v = random_pair({95, 32}, dtype, 3);
    k.cpu.row_range(51, 1).fill(NAN);
    const AttentionOptions options{.num_heads = 2, .num_key_value_heads = 2, .causal = true, .dropout = {}};
    const std::vector<float> out = attention(q.cpu, k.cpu, v.cpu, segments, segments, options).out.to_vector();
    for (int64_t i = 0; i < 95; ++i) EXPECT_EQ(std::isnan(out[i * 32]), i >= 51 && i < 90) << "query " << i;
  });
}

// One batch contains scores whose exponentials overflow unless the maximum is subtracted, and scores that are safe.
TEST(Attention, LargeScoresAreTakenRelativeToTheLargest) {
  for_each_isa_and_type([&](DType dtype) {
    const Pair q = random_pair({queries().tokens(), 64}, dtype, 1), k = random_pair({keys().tokens(), 64}, dtype, 2);
    const Pair v = random_pair({keys().tokens(), 64}, dtype, 3);
    for (const float scale : {0.25f, 8.0f, 50.0f}) {
      const AttentionOptions options{.num_heads = 2, .num_key_value_heads = 2, .scale = scale, .dropout = {}};
      const Tensor got = attention(q.cpu, k.cpu, v.cpu, queries(), keys(), options).out;
      const Tensor expected = attention(q.reference, k.reference, v.reference, queries(), keys(), options).out;
      EXPECT_LT(relative_error(got, expected), dtype == DType::f32 ? 1e-4 : 1e-2) << "scale " << scale;
    }
  });
}

TEST(Attention, CachedRowsInAnyOrderEqualConsecutiveOnes) {
  const std::vector<int32_t> one{1}, nine{9};
  const Pair q = random_pair({1, 32}, DType::f32, 1), k = random_pair({9, 32}, DType::f32, 2), v = random_pair({9, 32}, DType::f32, 3);
  for (const bool save : {true, false}) {  // true: tiled kernel; false: the decoding kernel
    const AttentionOptions options{
        .num_heads = 2, .num_key_value_heads = 2, .scale = 0, .causal = true, .dropout = {}, .save_log_sum_exp = save};
    const Tensor expected = attention(q.cpu, k.cpu, v.cpu, Segments::of_lengths(one), Segments::of_lengths(nine), options).out;
    Tensor mixed_k = Tensor::zeros({20, 32}, DType::f32), mixed_v = Tensor::zeros({20, 32}, DType::f32);
    std::vector<int32_t> index;
    for (int i = 0; i < 9; ++i) {
      index.push_back((i * 7 + 3) % 20);
      copy_rows(k.cpu.row_range(i, 1), mixed_k, index.back());
      copy_rows(v.cpu.row_range(i, 1), mixed_v, index.back());
    }
    const Tensor got = attention(q.cpu, mixed_k, mixed_v, Segments::of_lengths(one), Segments::of_rows({{index}}), options).out;
    EXPECT_EQ(got.to_vector(), expected.to_vector());
  }
}

// Several sequences share one cache with interleaved rows and have no, one or several new queries each.
TEST(Attention, ACacheKnowsWindowsGroupsAndBiases) {
  const std::vector<int32_t> query_lengths{1, 3, 0, 5, 2}, key_lengths{40, 3, 4, 290, 61};
  const Segments queries = Segments::of_lengths(query_lengths);
  constexpr int kSize = 24;
  std::vector<std::vector<int32_t>> rows;  // rows of the cache: a permutation
  int64_t next = 0;
  for (const int32_t length : key_lengths) {
    rows.emplace_back();
    for (int32_t i = 0; i < length; ++i) rows.back().push_back(static_cast<int32_t>(next++ * 7 % 398));
  }
  const Segments keys = Segments::of_rows(rows);
  const Isa before = current_isa();
  for (const Isa isa : available_isas()) {
    set_isa(isa);
    for (const DType dtype : {DType::f32, DType::bf16}) {
      for (const int64_t window : {0, 20}) {
        for (const bool biased : {false, true}) {
          const Pair q = random_pair({queries.tokens(), 4 * kSize}, dtype, 1), k = random_pair({keys.tokens(), 2 * kSize}, dtype, 2),
                     v = random_pair({keys.tokens(), 2 * kSize}, dtype, 3), bias = random_pair({4, 601}, DType::f32, 4);
          AttentionOptions options{.num_heads = 4, .num_key_value_heads = 2, .causal = true, .window = window, .dropout = {}};
          options.save_log_sum_exp = biased;
          if (biased) options.distance_bias = bias.cpu;
          const Tensor got = attention(q.cpu, k.cpu, v.cpu, queries, keys, options).out;
          if (biased) options.distance_bias = bias.reference;
          const Tensor expected = attention(q.reference, k.reference, v.reference, queries, keys, options).out;
          EXPECT_LT(relative_error(got, expected), dtype == DType::f32 ? 1e-5 : 1e-2)
              << name_of(dtype) << " on " << name_of(isa) << ", window " << window << ", biased " << biased;
        }
      }
    }
  }
  set_isa(before);
}

}  // namespace
}  // namespace qkv
