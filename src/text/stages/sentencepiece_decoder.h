// Turns pieces back into text as SentencePiece does.
#pragma once

#include <memory>

#include "text/pipeline/pipeline.h"
#include "text/token_models/sentencepiece_model.h"

namespace qkv {

// Control pieces are kept (callers remove them beforehand if unwanted), and so is the unknown piece if `unknown_as_piece` (as in
// transformers); otherwise it becomes the model's symbol for it. Bytes become characters (U+FFFD for each that is part of none), and the
// prefix space is removed. Tokens that are no pieces are kept.
std::unique_ptr<Decoder> make_sentencepiece_decoder(const SentencePieceModel& model, bool unknown_as_piece);

}  // namespace qkv
