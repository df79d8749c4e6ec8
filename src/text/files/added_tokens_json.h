// The "added_tokens" of a tokenizer.json, and those that the files beside it add.
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

// The tokens of the file, `root`. An added token is one of the model's, with the same id, or has an id that the model does not use. Where
// that does not hold, or an id or a token comes twice, the ids are given anew, as `tokenizers` does it: the model's id, else the next free
// one; a warning says so.
std::vector<AddedToken> read_added_tokens(const JsonNode& root, const Vocabulary& vocabulary);

// Adds what tokenizer_config.json, added_tokens.json and special_tokens_map.json have beyond the file, as transformers does it; true: that
// changed something. The flags of added_tokens_decoder count before those of the file.
bool merge_added_tokens(const TokenizerConfig& config, const Vocabulary& vocabulary, const std::string& file,
                        std::vector<AddedToken>& tokens);

// The list as the file has it.
nlohmann::ordered_json added_tokens_json(const std::vector<AddedToken>& tokens);

// By id, of `size` ids: special tokens that `config`, the text of a tokenizer_config.json, gives a role (beginning, end, padding, unknown,
// …); all of them where it gives none.
std::vector<bool> control_tokens(const std::string& config, const std::vector<AddedToken>& added, size_t size);

std::unordered_set<std::string_view> special_contents(const std::vector<AddedToken>& tokens);

}  // namespace qkv
