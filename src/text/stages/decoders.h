// The decoders of tokenizer.json.
#pragma once

#include <memory>

#include "formats/json_node.h"
#include "text/pipeline/pipeline.h"

namespace qkv {

// Throws Error(unsupported) that names an unknown kind.
std::unique_ptr<Decoder> make_decoder(const JsonNode& node);

}  // namespace qkv
