// The normalizers of tokenizer.json.
#pragma once

#include <memory>

#include "formats/json_node.h"
#include "text/pipeline/pipeline.h"
#include "text/unicode/regex.h"

namespace qkv {

// Throws Error(unsupported) that names an unknown kind.
std::unique_ptr<Normalizer> make_normalizer(const JsonNode& node);

// "pattern" of Replace and Split: {"String": …} or {"Regex": …}.
Regex pattern_of(const JsonNode& node);

// Replaces each match by `replacement`.
std::string replace_all(std::string_view text, const Regex& pattern, std::string_view replacement);

}  // namespace qkv
