#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "decode/logits_processors/end_token_bonus.h"
#include "decode/logits_processors/forbidden_tokens.h"
#include "decode/logits_processors/forced_last_tokens.h"
#include "decode/logits_processors/log_softmax.h"
#include "decode/logits_processors/repeated_tokens.h"
#include "nn/uniform_config.h"

namespace qkv {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

TransformerConfig small_config() {
  UniformConfig config;
  config.vocab_size = 5;
  config.eos_token_ids = {1};
  return config;
}

std::vector<float> apply(const LogitsProcessor& processor, const std::vector<float>& rows, std::span<const History> histories,
                         DType dtype = DType::f32) {
  const Tensor scores = Tensor::from(rows, {std::ssize(histories), std::ssize(rows) / std::ssize(histories)})
                            .to(dtype, dtype == DType::f64 ? Device::reference : Device::cpu);
  processor.apply(scores, histories);
  return scores.to_vector();
}

std::vector<float> apply(const LogitsProcessor& processor, const std::vector<float>& rows, const std::vector<int64_t>& new_tokens,
                         DType dtype = DType::f32) {
  std::vector<History> histories;
  for (const int64_t each : new_tokens) histories.push_back({{}, each});
  return apply(processor, rows, histories, dtype);
}

TEST(LogitsProcessors, EachRowFollowsItsOwnNumberOfTokens) {
  const TransformerConfig config = small_config();
  const TokenRules rules{.bad_words = {3, 1}, .begin_suppressed = {0}};
  const ForbiddenTokens forbidden(rules, config, 2);
  const std::vector<float> three_rows(15, 1.0f);
  for (const DType dtype : {DType::f32, DType::f64}) {
    EXPECT_EQ(apply(forbidden, three_rows, {0, 1, 2}, dtype),
              (std::vector<float>{kNever, kNever, 1, kNever, 1, 1, kNever, 1, kNever, 1, 1, 1, 1, kNever, 1}));
  }
  EXPECT_FALSE(forbidden.forbid_all(0));
  const ForbiddenTokens all({.suppressed = {0, 2, 3, 4}}, config, 2);
  EXPECT_TRUE(all.forbid_all(1));
  EXPECT_FALSE(all.forbid_all(2)) << "the end token is left";
  EXPECT_EQ(apply(ForcedLastTokens({2, 4}, 3), three_rows, {1, 2, 3}),
            (std::vector<float>{1, 1, 1, 1, 1, kNever, kNever, 0, kNever, 0, 1, 1, 1, 1, 1}));
}

// transformers' ExponentialDecayLengthPenalty: score + |score| * (factor ^ (new tokens - start) - 1).
TEST(LogitsProcessors, EndTokensGrowOnceTheDecayHasStarted) {
  const TransformerConfig config = small_config();
  const TokenRules rules{.decay = ExponentialDecay{.start = 2, .factor = 1.5f}};
  for (const auto arithmetic : {EndTokenBonus::Arithmetic::bounded_double, EndTokenBonus::Arithmetic::plain_float}) {
    const EndTokenBonus bonus(rules, config.eos_token_ids, arithmetic);
    EXPECT_EQ(apply(bonus, {1, -2, 1, 1, 1, 1, -2, 1, 1, 1}, {2, 4}), (std::vector<float>{1, -2, 1, 1, 1, 1, 0.5f, 1, 1, 1}));
  }
}

// The numbers of transformers' RepetitionPenaltyLogitsProcessor and NoRepeatNGramLogitsProcessor on these rows; texts of whole models are
// compared in decode/generation_golden_test.cc.
TEST(LogitsProcessors, WhatTheTextHasIsPenalizedOnceAndRepeatedNgramsAreForbidden) {
  const std::vector<int32_t> first{2, 0, 2, 0}, second{1}, none;
  const History histories[] = {{first, 1}, {second, 1}, {none, 0}};
  const std::vector<float> rows{1, -2, -4, 2, 3, 1, -2, -4, 2, 3, 1, -2, -4, 2, 3};
  for (const DType dtype : {DType::f32, DType::f64}) {
    EXPECT_EQ(apply(RepeatedTokens({.repetition_penalty = 2}), rows, histories, dtype),
              (std::vector<float>{0.5f, -2, -8, 2, 3, 1, -4, -4, 2, 3, 1, -2, -4, 2, 3}));
    EXPECT_EQ(apply(RepeatedTokens({.no_repeat_ngram_size = 1}), rows, histories, dtype),
              (std::vector<float>{kNever, -2, kNever, 2, 3, 1, kNever, -4, 2, 3, 1, -2, -4, 2, 3}));
    EXPECT_EQ(apply(RepeatedTokens({.no_repeat_ngram_size = 3}), rows, histories, dtype),
              (std::vector<float>{1, -2, kNever, 2, 3, 1, -2, -4, 2, 3, 1, -2, -4, 2, 3}));
  }
  EXPECT_EQ(apply(EndTokenBonus({.decay = ExponentialDecay{.start = 0, .factor = 2}}, std::vector<int32_t>{0},
                                EndTokenBonus::Arithmetic::plain_float),
                  {kNever, 1}, {5}),
            (std::vector<float>{kNever, 1}))
      << "a forbidden end token stays forbidden";
}

TEST(LogitsProcessors, TheChainKeepsItsOrder) {
  const TransformerConfig config = small_config();
  LogitsProcessors chain;
  chain.add(std::make_unique<ForbiddenTokens>(TokenRules{.suppressed = {0, 2, 3}}, config, 0));
  chain.add(std::make_unique<LogSoftmax>());
  const Tensor scores = Tensor::from(std::vector<float>{9, 2, 9, 9, 2}, {1, 5});
  chain.apply(scores, std::vector<History>{{{}, 3}});
  EXPECT_NEAR(scores.to_vector()[1], -std::log(2.0f), 1e-6f) << "the suppressed ones have no share";
  EXPECT_EQ(scores.to_vector()[0], kNever);
}

}  // namespace
}  // namespace qkv
