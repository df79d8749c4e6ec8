// The models "WordPiece", "WordLevel" and "Unigram" of tokenizer.json.
#pragma once

#include <memory>
#include <string>

#include "formats/json_node.h"
#include "text/pipeline/pipeline.h"

namespace qkv {

std::unique_ptr<TokenModel> make_word_piece(const JsonNode& node);
std::unique_ptr<TokenModel> make_word_level(const JsonNode& node);

// "vocab": [[token, score], …]; ids are positions. Stricter than `tokenizers`, which accepts duplicates and uses the last.
std::unique_ptr<TokenModel> make_unigram(const JsonNode& node);

// The kind of a model that does not name it; empty if unknown.
std::string type_by_fields(const JsonNode& node);

}  // namespace qkv
