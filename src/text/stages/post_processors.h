// The post-processors of tokenizer.json.
#pragma once

#include <functional>
#include <memory>

#include "formats/json_node.h"
#include "text/pipeline/pipeline.h"

namespace qkv {

// Ids of special tokens must be below vocab_size. Throws Error(unsupported) that names an unknown kind.
std::unique_ptr<PostProcessor> make_post_processor(const JsonNode& node, int32_t vocab_size);

}  // namespace qkv
