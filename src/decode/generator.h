// Text generation after a prompt with a decoder alone.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "decode/logits_processors/token_rules.h"
#include "decode/sampling.h"
#include "models/model.h"
#include "nn/transformer.h"
#include "qkv/generator.h"

namespace qkv {

struct GenerateOptions {
  SamplingOptions sampling;
  TokenRules rules;
  uint64_t seed = 0;
  uint32_t sample = 0;
  int64_t max_new_tokens = 256;
  int64_t min_new_tokens = 0;     // no end token before this number of tokens
  DType dtype = DType::f32;       // type of activations
  std::function<void()> on_step;  // called before each token; throws to stop
};

// Sampling options: the caller's choices override the model's generation_config.json.
SamplingOptions resolve_sampling(const GeneratorOptions& chosen, const GenerationDefaults& generation);
// All options for a prompt of `prompt_tokens` tokens. Throws (invalid_argument) for impossible values.
GenerateOptions resolve_options(const GeneratorOptions& chosen, const Model& model, int64_t prompt_tokens);

struct GeneratedTokens {
  std::vector<int32_t> ids;
  GenerationEnd end = GenerationEnd::max_new_tokens;
};

// Number of tokens that the network can attend to at once; 0: no limit.
int64_t context_of(const TransformerConfig& config);
// Number of tokens for which rotary positions were trained or scaled; texts may be longer. 0: no rotary positions, or dynamic scaling.
int64_t trained_length_of(const TransformerConfig& config);

// Processes the prompt at once, then generates token by token and calls `on_token` for each. An end token is not part of the result. If the
// context is full, its last three quarters are recomputed and generation continues with them; a prompt that is too long loses its
// beginning. The prompt must not be empty.
GeneratedTokens generate(const Transformer& network, std::span<const int32_t> prompt, const GenerateOptions& options,
                         const std::function<void(int32_t)>& on_token = {});

}  // namespace qkv
