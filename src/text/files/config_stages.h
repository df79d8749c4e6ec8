// Applies transformers' tokenizer classes to the tokenizer.json beside a tokenizer_config.json. Classes that build their own stages take
// the vocabulary and the added tokens from the file, and everything else from the class and the keys of the configuration.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "text/files/tokenizer_config.h"

namespace qkv {

// Changes the document of a tokenizer.json; returns true if something was changed. `file` is the name in warnings.
//   BertTokenizer and its like: normalizer (do_lower_case, strip_accents, tokenize_chinese_chars), pre-tokenizer, decoder, [CLS] and [SEP].
//   LlamaTokenizer, CodeLlamaTokenizer: no normalizer; "▁" before the first part of a text, or each ("legacy"), or none
//   ("add_prefix_space"). GemmaTokenizer, T5Tokenizer: their normalizer, pre-tokenizer and decoder; T5's final </s>. GPT2Tokenizer and its
//   like: add_prefix_space. Stages that differ from the class's are kept, with a warning: models were trained with them.
// With other classes, or without one, the tokenizer.json is used unchanged.
bool apply_config(const TokenizerConfig& config, nlohmann::json& document, const std::string& file);

}  // namespace qkv
