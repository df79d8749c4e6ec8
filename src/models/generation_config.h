// generation_config.json: the decoding settings of a model.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <span>

#include "models/config_reader.h"
#include "models/model.h"

namespace qkv {

// Defaults of a new model: beams of 4, pad is never produced, lengths up to the number of positions, at most 512. For a decoder alone
// nothing is set.
GenerationDefaults default_generation(const TransformerConfig& config);

// `in`: generation_config.json, or config.json if an older transformers put the keys there. Missing keys have transformers' defaults except
// max_length, which stays unset because that default (20 new tokens) would cut sentences.
GenerationDefaults read_generation(const ConfigReader& in, const TransformerConfig& config, bool is_generation_config);

// Sets the token ids of `config`, which holds the class's defaults. As in transformers, ids of `generation` (may be null) override those of
// `in`, even with null; unlike in transformers, ids missing in `generation` are read from `in`.
void read_token_ids(const ConfigReader& in, const ConfigReader* generation, TransformerConfig& config);

// The content of generation_config.json, including token ids.
nlohmann::json generation_json(const GenerationDefaults& generation, const TransformerConfig& config);
void write_generation_config(const std::filesystem::path& path, const GenerationDefaults& generation, const TransformerConfig& config);

// Ids in the form that transformers writes: null, one id, or a list.
nlohmann::json token_ids_json(std::span<const int32_t> ids);
// null for -1.
nlohmann::json token_id_json(int32_t id);

}  // namespace qkv
