#include "lab/networks/sequence_to_sequence.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "autograd/backward.h"
#include "lab/networks/training.h"

namespace qkv::lab {
namespace {

constexpr int kHidden = 16, kVocabulary = 11, kStart = 0, kEnd = 1;

SequenceToSequenceOptions options_of(Family family, Memory memory = Memory::tokens) {
  SequenceToSequenceOptions options{.family = family, .memory = memory, .start = kStart, .end = kEnd};
  options.network = {.vocab_size = kVocabulary, .hidden_size = kHidden, .layers = 2, .heads = 2, .ffn_size = 32, .initializer_range = 0};
  return options;
}

TokenBatch packed(std::vector<int32_t> ids, std::vector<int32_t> lengths) { return {std::move(ids), Segments::of_lengths(lengths)}; }

std::vector<float> rows(const SequenceToSequence& network, const TokenBatch& source, const TokenBatch& target) {
  ForwardContext context;
  return network.forward(source, target, context).to_vector();
}

// Rows first to last of 16 numbers.
void expect_same(const std::vector<float>& a, const std::vector<float>& b, size_t first, size_t last, bool same) {
  bool equal = true;
  for (size_t i = first * kHidden; i < last * kHidden; ++i) equal = equal && std::abs(a[i] - b[i]) < 1e-5f;
  EXPECT_EQ(equal, same) << "rows " << first << " to " << last;
}

constexpr Family kFamilies[] = {Family::encoder_decoder, Family::decoder, Family::prefix_decoder, Family::encoder};

TEST(SequenceToSequence, NoTargetRowSeesALaterTokenNorAnotherPair) {
  for (const Family family : kFamilies) {
    SCOPED_TRACE(static_cast<int>(family));
    ParameterStore store(1, true);
    const SequenceToSequence network(options_of(family), store);
    const TokenBatch source = packed({2, 3, 4, 1, 5, 1}, {4, 2});
    const auto before = rows(network, source, packed({0, 6, 7, 0, 8}, {3, 2}));
    const auto later = rows(network, source, packed({0, 6, 9, 0, 8}, {3, 2}));
    expect_same(before, later, 0, 2, true);
    expect_same(before, later, 2, 3, family == Family::encoder);  // it is told no token of the target
    expect_same(before, later, 3, 5, true);
    const auto other_source = rows(network, packed({2, 3, 10, 1, 5, 1}, {4, 2}), packed({0, 6, 7, 0, 8}, {3, 2}));
    expect_same(before, other_source, 0, 1, false);
    expect_same(before, other_source, 3, 5, true);
  }
}

TEST(SequenceToSequence, WithoutMemoryTheSourceDoesNotMatter) {
  ParameterStore store(1, true);
  const SequenceToSequence network(options_of(Family::encoder_decoder, Memory::none), store);
  const TokenBatch target = packed({0, 6, 7}, {3});
  expect_same(rows(network, packed({2, 3, 1}, {3}), target), rows(network, packed({9, 1}, {2}), target), 0, 3, true);
}

TEST(SequenceToSequence, TheMeanOfOneTokenIsItself) {
  ParameterStore one(1, true), other(1, true);
  const SequenceToSequence tokens(options_of(Family::encoder_decoder), one), mean(options_of(Family::encoder_decoder, Memory::mean), other);
  const TokenBatch target = packed({0, 6, 7, 0}, {3, 1});
  expect_same(rows(tokens, packed({5, 1}, {1, 1}), target), rows(mean, packed({5, 1}, {1, 1}), target), 0, 4, true);
  expect_same(rows(tokens, packed({5, 2, 1}, {2, 1}), target), rows(mean, packed({5, 2, 1}, {2, 1}), target), 0, 3, false);
}

TEST(SequenceToSequence, ACausalEncoderDiffersFromAnotherOnlyByItsMask) {
  ParameterStore one(1, true), other(1, true);
  SequenceToSequenceOptions options = options_of(Family::encoder_decoder);
  const SequenceToSequence whole(options, one);
  options.causal_encoder = true;
  const SequenceToSequence causal(options, other);
  EXPECT_EQ(one.count(), other.count());
  const TokenBatch target = packed({0, 6}, {2});
  expect_same(rows(whole, packed({5}, {1}), target), rows(causal, packed({5}, {1}), target), 0, 2, true);
  expect_same(rows(whole, packed({5, 4, 1}, {3}), target), rows(causal, packed({5, 4, 1}, {3}), target), 0, 2, false);
}

TEST(SequenceToSequence, TranslationsAreTheLikeliestTokensOfItsRows) {
  for (const Family family : kFamilies) {
    SCOPED_TRACE(static_cast<int>(family));
    ParameterStore store(3, true);
    const SequenceToSequence network(options_of(family), store);
    const std::vector<std::vector<int32_t>> sources{{2, 3, 1}, {4, 5, 6, 1}};
    const auto results = network.translate(sources, std::vector<int32_t>{5, 3}, DType::f32);
    ASSERT_EQ(results.size(), 2u);
    for (size_t i = 0; i < 2; ++i) {
      const auto length = static_cast<int32_t>(results[i].size());
      EXPECT_TRUE(length == (i == 0 ? 5 : 3) || results[i].back() == kEnd);
      std::vector<int32_t> target_in{kStart};
      target_in.insert(target_in.end(), results[i].begin(), results[i].end() - 1);
      const TrainingBatch batch{packed(sources[i], {static_cast<int32_t>(sources[i].size())}), packed(target_in, {length}), {}, results[i]};
      ForwardContext context;
      const double likeliest = network.loss(batch, context).nll_sum;
      for (int32_t token = 0; token < kVocabulary; ++token) {  // the last token is followed by none
        TrainingBatch changed = batch;
        changed.target_out.back() = token;
        EXPECT_GE(network.loss(changed, context).nll_sum, likeliest - 1e-4);
      }
    }
  }
}

TEST(SequenceToSequence, EachFamilyLearnsABatchByHeart) {
  for (const Family family : kFamilies) {
    ParameterStore store(1, true);
    const SequenceToSequence network(options_of(family), store);
    const TrainingBatch batch{packed({2, 3, 4, 1, 5, 1}, {4, 2}), packed({0, 6, 7, 0, 8}, {3, 2}), {}, {6, 7, 1, 8, 1}};
    const TrainingOutcome trained = train(store, {.steps = 120, .learning_rate = 3e-3},
                                          [&](int64_t, ForwardContext& context) { return network.loss(batch, context).loss; });
    EXPECT_LT(trained.losses.back().second, 0.3) << static_cast<int>(family);
  }
}

TEST(SequenceToSequence, OperationsAreSixForEachWeightAndRow) {
  const double h = kHidden, f = 32, source = 7, target = 5;
  const double output = 6 * kVocabulary * h * target;
  ParameterStore one(1, true), other(1, true);
  const SequenceToSequence both(options_of(Family::encoder_decoder), one), alone(options_of(Family::decoder), other);
  EXPECT_DOUBLE_EQ(both.training_flops(one, source, target),
                   output + 6 * 2 * ((4 * h * h + 2 * h * f + 2 * h * h) * source + (6 * h * h + 2 * h * f) * target));
  EXPECT_DOUBLE_EQ(alone.training_flops(other, source, target), output + 6 * 2 * (4 * h * h + 2 * h * f) * (source + target));
}

}  // namespace
}  // namespace qkv::lab
