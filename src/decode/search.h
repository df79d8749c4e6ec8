// Greedy and beam search over packed sources, as transformers' generate() defines them.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "decode/logits_processors/token_rules.h"
#include "models/model.h"
#include "nn/transformer.h"

namespace qkv {

struct SearchOptions {
  int num_beams = 1;             // 1: greedy
  int num_return_sequences = 1;  // n-best, at most num_beams
  float length_penalty = 1;      // score = sum of log p / length^length_penalty; the length includes </s> but not the decoder start
  EarlyStopping early_stopping = EarlyStopping::no;
  int max_length = 512;         // tokens of a hypothesis, including the decoder start; at most the decoder's positions + 1
  float max_length_factor = 0;  // limits a hypothesis to this many tokens per source token; 0: only max_length applies
  int min_length = 0;           // no end token while a hypothesis has fewer tokens, including the decoder start
  TokenRules rules;
  std::optional<int32_t> decoder_start;  // the decoder's first input; empty: the network's
  bool renormalize = false;              // beams: normalizes log p again after tokens were suppressed
  std::function<void()> on_step;         // called before each step, maybe on several threads at once; throws to stop the search
};

struct Hypothesis {
  std::vector<int32_t> ids;         // without the decoder start; includes the end token, if any
  float score = 0;                  // ranking score of beams; greedy: sum of log p
  std::vector<float> token_scores;  // log p of each id
};

// Search options from the model's generation_config.json.
SearchOptions default_search_options(const Model& model);

// The hypotheses of every source, best first: num_return_sequences of them, or fewer if there are not enough. A source's hypotheses do not
// depend on the other sources. Log probabilities match transformers: beam search normalizes before tokens are suppressed
// (sequences_scores), greedy search afterwards (compute_transition_scores with normalize_logits).
std::vector<std::vector<Hypothesis>> search(const Transformer& network, const TokenBatch& sources, const SearchOptions& options,
                                            ForwardContext& context);

}  // namespace qkv
