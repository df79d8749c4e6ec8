// Conversion of a prompt to tokens.
#pragma once

#include <string_view>
#include <vector>

#include "nn/transformer_config.h"
#include "qkv/tokenizer.h"

namespace qkv {

struct EncodedPrompt {
  std::vector<int32_t> ids;  // never empty
  int64_t unknown = 0;       // number of unknown tokens; without an unknown token, number of letters and digits that the tokenizer dropped
};

// The prompt's tokens with the prefix of the tokenizer's template; its suffix is omitted because it would end the text. An empty prompt
// becomes the model's start token. Without special tokens nothing is put before the prompt. Throws (bad_input) if the tokenizer does not
// match the model, or if there is no start token.
EncodedPrompt encode_prompt(const Tokenizer& tokenizer, const TransformerConfig& config, std::string_view prompt,
                            bool add_special_tokens = true);

}  // namespace qkv
