// The two ways to search, as drivers of Step. search.h is what others call.
#pragma once

#include "decode/candidates.h"
#include "decode/step.h"

namespace qkv {

// Needed by both searches: the model's next step, the sources it has encoded, and the rules.
struct SearchInput {
  const TransformerConfig& config;
  Step& step;
  std::vector<KvCache::Table> sources;
  std::span<const int> max_lengths;  // of each source's hypotheses, at most options.max_length
  const SearchOptions& options;
};

std::vector<std::vector<Hypothesis>> greedy_search(SearchInput input);
std::vector<std::vector<Hypothesis>> beam_search(SearchInput input);

}  // namespace qkv
