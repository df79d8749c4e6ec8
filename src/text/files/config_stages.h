// Keys of tokenizer_config.json that change the stages of the tokenizer.json beside it: the classes of transformers that have them build
// these stages from the configuration.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "text/files/tokenizer_config.h"

namespace qkv {

// Changes the document of a tokenizer.json; true: something was changed.
//   do_lower_case, strip_accents, tokenize_chinese_chars: BERT's normalizer, for BertTokenizer and those that are one. Keys that are not
//       there have the class's default, if the configuration names the class itself.
//   add_prefix_space: the byte-level pre-tokenizer, for GPT2Tokenizer and its like.
// With other classes, and without one, the tokenizer.json counts.
bool apply_config(const TokenizerConfig& config, nlohmann::json& document);

}  // namespace qkv
