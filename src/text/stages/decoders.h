// The decoders of tokenizer.json.
#pragma once

#include <memory>

#include "formats/json_node.h"
#include "text/pipeline/pipeline.h"

namespace qkv {

// Throws Error(unsupported) for a kind that is not known, naming it.
std::unique_ptr<Decoder> make_decoder(const JsonNode& node);

}  // namespace qkv
