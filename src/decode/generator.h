// Tokens after a prompt, from a decoder alone.
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
  int64_t min_new_tokens = 0;     // the text does not end before
  DType dtype = DType::f32;       // of activations
  std::function<void()> on_step;  // called before each token; ends by throwing
};

// How the next token is drawn: the caller's choices over those of the model's generation_config.json.
SamplingOptions resolve_sampling(const GeneratorOptions& chosen, const GenerationDefaults& generation);
// All choices, after a prompt of so many tokens. Throws (invalid_argument) where one cannot be right.
GenerateOptions resolve_options(const GeneratorOptions& chosen, const Model& model, int64_t prompt_tokens);

struct GeneratedTokens {
  std::vector<int32_t> ids;
  GenerationEnd end = GenerationEnd::max_new_tokens;
};

// How many tokens the network can see at once; 0: any number.
int64_t context_of(const TransformerConfig& config);
// How many tokens rotary positions were trained or stretched for; texts may be longer. 0: other positions, or such as grow with the text.
int64_t trained_length_of(const TransformerConfig& config);

// The prompt is computed at once, then token by token; `on_token` sees each. A token that ends the text is no part of it. Where the
// network's context is full, its last three quarters are computed again and the text goes on with these alone. Of a longer prompt the end
// is read. The prompt has one token at least.
GeneratedTokens generate(const Transformer& network, std::span<const int32_t> prompt, const GenerateOptions& options,
                         const std::function<void(int32_t)>& on_token = {});

}  // namespace qkv
