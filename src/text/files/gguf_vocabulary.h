// The vocabulary inside a GGUF file: the keys tokenizer.ggml.*.
#pragma once

#include <string>
#include <string_view>

namespace qkv {

// The text of a tokenizer.json. Models "llama" and "t5" are SentencePiece's, "gpt2" is byte-level BPE cut by the pattern that
// tokenizer.ggml.pre names, "bert" is WordPiece whose words begin with U+2581 instead of their rests with ##. Throws Error(bad_input) or
// Error(unsupported) with one line.
std::string gguf_to_json(std::string_view bytes, const std::string& file);

}  // namespace qkv
