// Reads the "added_tokens" of a tokenizer.json and of the files beside it.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "formats/json_node.h"
#include "text/files/tokenizer_config.h"
#include "text/pipeline/vocabulary.h"
#include "text/stages/added_tokens.h"

namespace qkv {

// Reads the tokens of the file, `root`. An added token must be one of the model's, with the same id, or have an id that the model does not
// use. If that is violated, or an id or a token occurs twice, ids are assigned anew as `tokenizers` does (the model's id, otherwise the
// next free one), with a warning.
std::vector<AddedToken> read_added_tokens(const JsonNode& root, const Vocabulary& vocabulary);

// Adds the tokens of tokenizer_config.json, added_tokens.json and special_tokens_map.json as transformers does; returns true if that
// changed something. The flags of added_tokens_decoder take precedence over those of the file.
bool merge_added_tokens(const TokenizerConfig& config, const Vocabulary& vocabulary, const std::string& file,
                        std::vector<AddedToken>& tokens);

// The list in the format of tokenizer.json.
nlohmann::ordered_json added_tokens_json(const std::vector<AddedToken>& tokens);

// By id, for `size` ids: special tokens to which `config`, the text of a tokenizer_config.json, gives a role (beginning, end, padding,
// unknown, …); all special tokens if it gives none.
std::vector<bool> control_tokens(const std::string& config, const std::vector<AddedToken>& added, size_t size);

// Whether transformers gives models of this tokenizer the types of its tokens: "model_input_names" in `config`, the text of a
// tokenizer_config.json, says so. Without it every class does but the one without a model's name that transformers 5 writes.
bool gives_token_types(const std::string& config);

std::unordered_set<std::string_view> special_contents(const std::vector<AddedToken>& tokens);

}  // namespace qkv
