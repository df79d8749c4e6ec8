// The model "BPE" of tokenizer.json.
#pragma once

#include <memory>

#include "formats/json_node.h"
#include "text/token_models/bpe_model.h"

namespace qkv {

std::unique_ptr<TokenModel> make_bpe(const JsonNode& node);

// "vocab": {token: id}. Ids must be unique, not negative, and not far above the number of tokens.
Vocabulary read_vocabulary(const JsonNode& node);

}  // namespace qkv
