// The keys of generation_config.json (those of transformers' GenerationConfig) and how qkv treats each.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "models/config_reader.h"
#include "models/generation_defaults.h"
#include "nn/transformer_config.h"

namespace qkv {

enum class KeyUse : uint8_t {
  used,
  harmless,  // does not change tokens: affects speed, memory, or additional outputs
  unused,    // changes the output of transformers; named in a warning
};

struct GenerationKey {
  std::string_view name;
  KeyUse translate, generate;    // in qkv translate (eval, attention), and in qkv generate
  std::string_view neutral;      // value, as JSON, without effect (null has none either); empty: there is no such value
  bool sampling_only = false;    // affects only sampling
  std::string_view active = {};  // the only value, as JSON, with an effect; empty: all but the neutral one
};

// All keys of transformers 5.24, and obsolete ones of earlier versions.
std::span<const GenerationKey> generation_keys();

// The unused keys in the file that change the output of transformers for a network of this kind. all: also report unknown keys, as is right
// for generation_config.json; config.json has other keys.
std::vector<UnusedKey> find_unused_keys(const ConfigReader& in, Kind kind, bool all);

// Warns of the keys that the command does not use. samples: whether the command samples tokens.
void warn_of_unused_keys(const GenerationDefaults& generation, std::string_view command, bool samples);

}  // namespace qkv
