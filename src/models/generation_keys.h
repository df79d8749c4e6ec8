// The keys of generation_config.json (those of transformers' GenerationConfig), and what becomes of each.
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
  harmless,  // changes no token: it is about speed, memory, or what is returned besides
  unused,    // changes what transformers generates, and is named in a warning
};

struct GenerationKey {
  std::string_view name;
  KeyUse translate, generate;    // by qkv translate (eval, attention); by qkv generate
  std::string_view neutral;      // the value, as JSON, at which it does nothing, as null does; empty: there is no such value
  bool sampling_only = false;    // acts on draws alone
  std::string_view active = {};  // the only value, as JSON, that changes something; empty: all but the neutral one
};

// All keys of transformers 5.24, and those that its predecessors wrote.
std::span<const GenerationKey> generation_keys();

// The keys of the file that change what transformers generates with a network of this kind and that are not used. `all`: also keys that
// are not in the list above, in generation_config.json; config.json has others.
std::vector<UnusedKey> find_unused_keys(const ConfigReader& in, Kind kind, bool all);

// Warns of the keys that the command does not use. `samples`: it draws tokens.
void warn_of_unused_keys(const GenerationDefaults& generation, std::string_view command, bool samples);

}  // namespace qkv
