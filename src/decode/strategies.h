// The two ways to search, on an encoded batch. search.h is what others call.
#pragma once

#include "decode/candidates.h"

namespace qkv {

// What both need: the model, the sources it has encoded, and the rules.
struct SearchInput {
  const Transformer& network;
  DecoderState& state;
  std::span<const int> max_lengths;  // of each source's hypotheses, at most options.max_length
  const SearchOptions& options;
  ForwardContext& context;
};

std::vector<std::vector<Hypothesis>> greedy_search(const SearchInput& input);
std::vector<std::vector<Hypothesis>> beam_search(const SearchInput& input);

}  // namespace qkv
