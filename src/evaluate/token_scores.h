// Log-probabilities that a network gives to the tokens of sequences.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/transformer.h"
#include "qkv/cancellation.h"

namespace qkv {

// Tokens to score: ids[first], ids[first + 1], …, at `places` alone if there are some.
struct ScoredSequence {
  std::vector<int32_t> source;  // of an encoder-decoder
  std::vector<int32_t> ids;
  size_t first = 0;            // at least 1 for a decoder alone, which predicts no token from nothing
  std::vector<size_t> places;  // of a masked language model
};

struct TokenScoreOptions {
  int64_t batch_tokens = 8192;
  DType dtype = DType::f32;
  int32_t mask = -1;           // what a masked language model sees in place of a token
  int32_t decoder_start = -1;  // first input of an encoder-decoder's decoder
  const CancellationToken* cancellation = nullptr;
};

// ln p of each scored token in order: given the tokens before it (and the source), or of a masked language model with that token alone
// hidden. The values of a sequence do not depend on the others. Throws Error(interrupted) if cancelled.
std::vector<std::vector<double>> token_scores(const Transformer& network, const std::vector<ScoredSequence>& sequences,
                                              const TokenScoreOptions& options);

}  // namespace qkv
