// A fast path for a large tokenizer.json: "vocab" and "merges", which are nearly all of it, are not built as JSON values but read straight
// into their final form.
//
// It handles only plain, correct input. Anything faulty or merely unusual raises NotPlain, and the file is read again value by value
// (json_node.h), which reports the fault and its place. So there is one set of rules and messages.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/pipeline/vocabulary.h"
#include "text/token_models/bpe_model.h"

namespace qkv {

struct NotPlain {};

// Parses the file. "model.vocab" and "model.merges", if they are an object and an array of at least `least` bytes, become binary values
// that hold their unvalidated text. Returns nothing if neither is large enough or parse_json rejects the rest.
std::optional<nlohmann::json> parse_with_slices(std::string_view text, const std::string& file, size_t least);

bool is_slice(const nlohmann::json& value);

// The text of such a document, with the slices unchanged.
std::string text_with_slices(const nlohmann::json& document);

// Reads the object of tokens and ids, and the array of pairs of tokens. Both throw NotPlain.
Vocabulary read_vocabulary_slice(const nlohmann::json& slice);
std::vector<BpeMerge> read_merges_slice(const nlohmann::json& slice, const Vocabulary& vocabulary, std::string_view prefix);

}  // namespace qkv
