// A prompt as tokens.
#pragma once

#include <string_view>
#include <vector>

#include "nn/transformer_config.h"
#include "qkv/tokenizer.h"

namespace qkv {

struct EncodedPrompt {
  std::vector<int32_t> ids;  // never empty
  int64_t unknown = 0;       // tokens for what the tokenizer does not know; where it has no such token, letters that it left out
};

// The prompt's tokens with what the tokenizer's template puts before it; what it puts behind it would end the text. An empty prompt is the
// model's start token. Throws (bad_input) where the tokenizer is not the model's, or where there is no start token.
EncodedPrompt encode_prompt(const Tokenizer& tokenizer, const TransformerConfig& config, std::string_view prompt);

}  // namespace qkv
