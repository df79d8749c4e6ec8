// Pieces back to text, as SentencePiece does it.
#pragma once

#include <memory>

#include "text/pipeline/pipeline.h"
#include "text/token_models/sentencepiece_model.h"

namespace qkv {

// Control pieces stay as they are (who wants none leaves them out before), and so does the unknown piece where `unknown_as_piece` (as in
// transformers); else it is the model's sign for it. Bytes become characters (U+FFFD for each that is part of none),
// and the space that was put before the text goes. Tokens that are no pieces stay as they are.
std::unique_ptr<Decoder> make_sentencepiece_decoder(const SentencePieceModel& model, bool unknown_as_piece);

}  // namespace qkv
