// SentencePiece's .model files: a protocol buffer of the message ModelProto.
#pragma once

#include <string>
#include <string_view>

#include "text/token_models/sentencepiece_model.h"

namespace qkv {

// Throws Error(bad_input) with one line that names `file` and the place if this is no such message or lacks what encoding needs.
SentencePieceModel parse_sentencepiece(std::string_view bytes, const std::string& file);

// Checks a model from any kind of file: pieces are valid UTF-8, not empty, unique, with finite scores; there is one unknown piece, and all
// 256 bytes if the model falls back to them.
void check_sentencepiece(const SentencePieceModel& model, const std::string& file);

// True if the content looks like a model file.
bool is_sentencepiece(std::string_view bytes);

}  // namespace qkv
