// Marian's tokenizer files: source.spm segments the text, vocab.json has the ids of both languages. Decoding needs no model because the
// pieces mark where words begin; target.spm is only checked for damage.
#pragma once

#include <string>
#include <string_view>

#include "text/files/tokenizer_config.h"

namespace qkv {

// Returns the text of a tokenizer.json that behaves like transformers' MarianTokenizer. Throws Error(unsupported) for models with a
// separate vocabulary per language.
std::string marian_json_of(std::string_view source, const std::string& source_file, std::string_view vocab, const std::string& vocab_file,
                           const TokenizerConfig& config);

void check_marian_target(std::string_view target, const std::string& file);

}  // namespace qkv
