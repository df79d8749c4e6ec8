// Marian's tokenizer files: source.spm cuts the text, vocab.json has the ids of both languages. Decoding needs no model: the pieces tell
// where words begin, so that target.spm is only looked at to see that it is whole.
#pragma once

#include <string>
#include <string_view>

#include "text/files/tokenizer_config.h"

namespace qkv {

// The text of a tokenizer.json that behaves as transformers' MarianTokenizer. Throws Error(unsupported) for models with a vocabulary for
// each language.
std::string marian_json_of(std::string_view source, const std::string& source_file, std::string_view vocab, const std::string& vocab_file,
                           const TokenizerConfig& config);

void check_marian_target(std::string_view target, const std::string& file);

}  // namespace qkv
