// generation_config.json: how a model wants to be decoded.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <span>

#include "models/config_reader.h"
#include "models/model.h"

namespace qkv {

// Defaults of a new model: pad is never produced, beams of 4, as long as its positions allow, at most 512. A decoder alone says
// nothing.
GenerationDefaults default_generation(const TransformerConfig& config);

// `in`: generation_config.json, or config.json where an older transformers put the same keys. What it does not say is transformers'
// default, except max_length: that one (20 new tokens) would cut sentences, so it stays unset.
GenerationDefaults read_generation(const ConfigReader& in, const TransformerConfig& config, bool is_generation_config);

// Sets the token ids of `config`, where the class's defaults stand. As in transformers those of `generation` (may be null) come before
// those of `in`, also where it says null; a key that it lacks is taken from `in`, which transformers does not.
void read_token_ids(const ConfigReader& in, const ConfigReader* generation, TransformerConfig& config);

// The content of generation_config.json, token ids included.
nlohmann::json generation_json(const GenerationDefaults& generation, const TransformerConfig& config);
void write_generation_config(const std::filesystem::path& path, const GenerationDefaults& generation, const TransformerConfig& config);

// Ids as transformers writes them: null, one, or a list.
nlohmann::json token_ids_json(std::span<const int32_t> ids);
// -1 is null.
nlohmann::json token_id_json(int32_t id);

}  // namespace qkv
