// SentencePiece's .model files: a protocol buffer of the message ModelProto.
#pragma once

#include <string>
#include <string_view>

#include "text/token_models/sentencepiece_model.h"

namespace qkv {

// Throws Error(bad_input) with one line that names `file` and the place for what is no such message, or lacks what encoding needs.
SentencePieceModel parse_sentencepiece(std::string_view bytes, const std::string& file);

// What must hold for any model, whatever file it came from: pieces that are UTF-8, not empty, not twice the same, of finite scores; one
// unknown piece; all 256 bytes where the model falls back to them.
void check_sentencepiece(const SentencePieceModel& model, const std::string& file);

// Does the content look like a model file?
bool is_sentencepiece(std::string_view bytes);

}  // namespace qkv
