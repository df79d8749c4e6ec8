// Greedy and beam search over packed sources, as transformers' generate() defines them.
#pragma once

#include <span>
#include <vector>

#include "nn/encoder_decoder.h"

namespace qkv {

struct SearchOptions {
  int num_beams = 1;             // 1: greedy
  int num_return_sequences = 1;  // n-best, at most num_beams
  float length_penalty = 1;      // score = sum of log p / length^length_penalty
  bool early_stopping = false;   // as transformers' early_stopping
  int max_length = 512;          // tokens of a hypothesis, decoder start included
  int min_length = 0;
  std::vector<int32_t> suppressed;  // never produced: pad (bad_words_ids)
};

struct Hypothesis {
  std::vector<int32_t> ids;         // without the decoder start; with </s> where it ended
  float score = 0;                  // what beams are ranked by; greedy: sum of log p
  std::vector<float> token_scores;  // log p of each id
};

// The hypotheses of every source, best first.
std::vector<std::vector<Hypothesis>> search(const EncoderDecoder& network, const TokenBatch& sources, const SearchOptions& options,
                                            ForwardContext& context);

}  // namespace qkv
