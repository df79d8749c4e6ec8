// SentencePiece's own normalizer: characters replaced by a map, white space put in order, spaces written as U+2581.
#pragma once

#include <memory>

#include "text/pipeline/pipeline.h"
#include "text/token_models/sentencepiece_model.h"

namespace qkv {

// `where` begins the message about a map that is damaged. The dummy space is added where the input begins,
// or as the model's `prefix` says.
std::unique_ptr<Normalizer> make_sentencepiece_normalizer(const SentencePieceModel& model, const std::string& where);

}  // namespace qkv
