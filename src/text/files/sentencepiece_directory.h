// A SentencePiece model file together with the files that transformers puts beside it.
#pragma once

#include <string>
#include <string_view>

#include "text/files/tokenizer_config.h"
#include "text/token_models/sentencepiece_model.h"

namespace qkv {

// Returns the text of the tokenizer.json. A model file alone behaves as in sentencepiece: nothing is put around a text, and <s> in a text
// is three characters. With a tokenizer_config.json or an added_tokens.json it behaves like transformers' tokenizer of that class: special
// and added tokens are found in the text, "legacy" and "add_prefix_space" are respected, and the class's begin and end tokens are put
// around it.
std::string sentencepiece_json_of(std::string_view model_file, const TokenizerConfig& config, const std::string& file);
std::string sentencepiece_json_of(SentencePieceModel model, const TokenizerConfig& config, const std::string& file);

}  // namespace qkv
