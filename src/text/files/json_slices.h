// A fast way through a large tokenizer.json: its "vocab" and "merges", which are nearly all of it, are not built as JSON values but read
// straight into what they are for.
//
// What is right is read like this; whatever is not right, or merely unusual, ends it with NotPlain, and the file is read again value by
// value (json_node.h), which finds the fault and its place. So there is one set of rules and messages.
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

// The file with "model.vocab" and "model.merges", where they have at least `least` bytes and are an object and an array, as binary values:
// their text, which is not yet known to be JSON. Nothing where there are none, or the rest is no JSON that parse_json takes.
std::optional<nlohmann::json> parse_with_slices(std::string_view text, const std::string& file, size_t least);

bool is_slice(const nlohmann::json& value);

// The text of such a document: slices as they were.
std::string text_with_slices(const nlohmann::json& document);

// The object of tokens and ids, the array of pairs of tokens. Throw NotPlain.
Vocabulary read_vocabulary_slice(const nlohmann::json& slice);
std::vector<BpeMerge> read_merges_slice(const nlohmann::json& slice, const Vocabulary& vocabulary, std::string_view prefix);

}  // namespace qkv
