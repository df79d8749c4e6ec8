// Pieces back to text, as SentencePiece does it.
#pragma once

#include <memory>

#include "text/pipeline.h"
#include "text/sentencepiece_model.h"

namespace qkv {

// Control pieces are nothing, the unknown piece is the model's sign for it, bytes become characters (U+FFFD for each that is part of none),
// and the space that was put before the text goes. Tokens that are no pieces stay as they are.
std::unique_ptr<Decoder> make_sentencepiece_decoder(const SentencePieceModel& model);

}  // namespace qkv
