// The two search strategies built on Step; other code calls search.h.
#pragma once

#include "decode/candidates.h"
#include "decode/step.h"

namespace qkv {

// Input of both searches: the decoding step, the encoded sources, and the rules.
struct SearchInput {
  const TransformerConfig& config;
  Step& step;
  std::vector<KvCache::Table> sources;
  std::span<const int> max_lengths;  // per source, at most options.max_length
  int32_t decoder_start;
  const SearchOptions& options;
};

std::vector<std::vector<Hypothesis>> greedy_search(SearchInput input);
std::vector<std::vector<Hypothesis>> beam_search(SearchInput input);

}  // namespace qkv
