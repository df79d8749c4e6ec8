// generation_config.json: how a model wants to be decoded.
#pragma once

#include <filesystem>

#include "models/config_reader.h"
#include "models/model.h"

namespace qkv {

// What a new model says of itself: pad is never produced, beams of 4, as long as its positions allow, at most 512.
GenerationDefaults default_generation(const TransformerConfig& config);

// `in`: generation_config.json, or config.json where an older transformers put the same keys. What it does not say is transformers'
// default, except max_length: that one (20) would cut sentences, so it is as for a new model. What would change translations and has no
// counterpart here is named in a warning.
GenerationDefaults read_generation(const ConfigReader& in, const TransformerConfig& config);

// Sets the token ids of `config`; those of `generation` (may be null) come before those of `in`.
void read_token_ids(const ConfigReader& in, const ConfigReader* generation, TransformerConfig& config);

void write_generation_config(const std::filesystem::path& path, const GenerationDefaults& generation, const TransformerConfig& config);

}  // namespace qkv
