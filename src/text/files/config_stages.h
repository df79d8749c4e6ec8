// What the classes of transformers make of the tokenizer.json beside a tokenizer_config.json: those that build stages of their own take the
// vocabulary and the added tokens from the file, and all else from the class and from keys of the configuration.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "text/files/tokenizer_config.h"

namespace qkv {

// Changes the document of a tokenizer.json; true: something was changed. `file` is what warnings name.
//   BertTokenizer and its like: normalizer (do_lower_case, strip_accents, tokenize_chinese_chars), pre-tokenizer, decoder, [CLS] and [SEP].
//   LlamaTokenizer, CodeLlamaTokenizer: no normalizer; "▁" before the first part of a text, or each ("legacy"), or none
//   ("add_prefix_space"). GemmaTokenizer, T5Tokenizer: their normalizer, pre-tokenizer and decoder; T5's final </s>. GPT2Tokenizer and its
//   like: add_prefix_space. Other stages than the class's are followed, with a warning: models were trained with them.
// With other classes, and without one, the tokenizer.json counts.
bool apply_config(const TokenizerConfig& config, nlohmann::json& document, const std::string& file);

}  // namespace qkv
