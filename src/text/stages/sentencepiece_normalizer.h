// SentencePiece's own normalizer: replaces characters by a map, cleans up white space, and writes spaces as U+2581.
#pragma once

#include <memory>

#include "text/pipeline/pipeline.h"
#include "text/token_models/sentencepiece_model.h"

namespace qkv {

// `where` starts the message about a damaged map. The prefix space is added where the input begins, or according to the model's `prefix`.
std::unique_ptr<Normalizer> make_sentencepiece_normalizer(const SentencePieceModel& model, const std::string& where);

}  // namespace qkv
