// The two ways to search, on an encoded batch. search.h is what others call.
#pragma once

#include "decode/candidates.h"

namespace qkv {

// What both need: the model, the sources it has encoded, and the rules.
struct SearchInput {
  const Transformer& network;
  DecoderState& state;
  int64_t source_count;
  const SearchOptions& options;
  ForwardContext& context;
};

std::vector<std::vector<Hypothesis>> greedy_search(const SearchInput& input);
std::vector<std::vector<Hypothesis>> beam_search(const SearchInput& input);

}  // namespace qkv
