// Writes a tokenizer into the keys tokenizer.ggml.* of a GGUF file: the other direction of gguf_vocabulary.h.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "formats/gguf_writer.h"

namespace qkv {

struct GgufVocabularyKeys {
  GgufWriter keys;                                  // without the ids of tokens with a role
  std::map<std::string, int32_t, std::less<>> ids;  // "bos_token_id": those that the tokenizer itself adds or needs
};

// `json`: the text of a tokenizer.json; `count`: the model's number of ids, to which the list of tokens is filled up. Throws
// Error(unsupported) for tokenizers that GGUF cannot hold: others than byte-level BPE with a list of patterns that llama.cpp knows,
// SentencePiece's BPE and Unigram, and BERT's WordPiece; or if the tokenizer has more tokens than the model.
GgufVocabularyKeys write_gguf_vocabulary(std::string_view json, const std::string& file, int64_t count);

}  // namespace qkv
