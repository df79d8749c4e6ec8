// Reads the vocabulary of a GGUF file: the keys tokenizer.ggml.*.
#pragma once

#include <string>
#include <string_view>

namespace qkv {

// Returns the text of a tokenizer.json. Models "llama" and "t5" are SentencePiece's, "gpt2" is byte-level BPE with the pattern named by
// tokenizer.ggml.pre, "bert" is WordPiece that marks word beginnings with U+2581 instead of continuations with ##. Throws Error(bad_input)
// or Error(unsupported) with one line.
std::string gguf_to_json(std::string_view bytes, const std::string& file);

}  // namespace qkv
