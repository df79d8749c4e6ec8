// Marian's tokenizer files: source.spm segments the text, and a vocabulary has the ids of both languages. Decoding needs no model because
// the pieces mark where words begin; target.spm is only checked for damage.
#pragma once

#include <string>
#include <string_view>

#include "formats/marian_directory.h"
#include "text/files/tokenizer_config.h"

namespace qkv {

// vocab: the text of transformers' vocab.json. Returns the text of a tokenizer.json that behaves like transformers' MarianTokenizer. Throws
// Error(unsupported) for models with a separate vocabulary per language.
std::string marian_json_of(std::string_view source, const std::string& source_file, std::string_view vocab, const std::string& vocab_file,
                           const TokenizerConfig& config);

// The same for a directory of Marian itself. The vocabulary is a .yml, whose tokens get "<pad>" as the last one as in transformers'
// converter, or a SentencePiece model that segments the text, too.
std::string marian_json_of(const MarianDirectory& directory);

void check_marian_target(std::string_view target, const std::string& file);

}  // namespace qkv
