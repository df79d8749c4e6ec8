// Greedy and beam search over packed sources, as transformers' generate() defines them.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "decode/logits_processors/token_rules.h"
#include "models/model.h"
#include "nn/transformer.h"

namespace qkv {

struct SearchOptions {
  int num_beams = 1;             // 1: greedy
  int num_return_sequences = 1;  // n-best, at most num_beams
  float length_penalty = 1;      // score = sum of log p / length^length_penalty; the length counts </s> but not the decoder start
  EarlyStopping early_stopping = EarlyStopping::no;
  int max_length = 512;         // tokens of a hypothesis, decoder start included; at most the decoder's positions + 1
  float max_length_factor = 0;  // a hypothesis is cut at this many tokens for each of its source; 0: at max_length alone
  int min_length = 0;           // no end token while a hypothesis has fewer tokens, decoder start included
  TokenRules rules;
  bool renormalize = false;       // beams: log p again from what is left after tokens were suppressed
  std::function<void()> on_step;  // called before each step; ends the search by throwing
};

struct Hypothesis {
  std::vector<int32_t> ids;         // without the decoder start; with the end token where it ended
  float score = 0;                  // what beams are ranked by; greedy: sum of log p
  std::vector<float> token_scores;  // log p of each id
};

// How a model's generation_config.json says to decode.
SearchOptions default_search_options(const Model& model);

// The hypotheses of every source, best first: num_return_sequences of them, fewer only where so few exist. A source alone and among
// others gives the same hypotheses. Log probabilities are those of transformers: beam search normalizes before tokens are suppressed
// (sequences_scores), greedy search after it (compute_transition_scores with normalize_logits).
std::vector<std::vector<Hypothesis>> search(const Transformer& network, const TokenBatch& sources, const SearchOptions& options,
                                            ForwardContext& context);

}  // namespace qkv
