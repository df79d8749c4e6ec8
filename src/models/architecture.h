// What a family of models is: how its config.json maps to TransformerConfig, and how its weights' names map to ours.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "models/config_reader.h"
#include "nn/transformer_config.h"

namespace qkv {

// A module and its name in our network; "{}" stands for a layer's number. The part behind it (".weight") is the same on both sides.
struct WeightName {
  std::string_view theirs, ours;
};

struct Architecture {
  std::string_view class_name;  // "architectures" of config.json
  std::string_view model_type;
  // Everything but the token ids, which generation_config.json may override.
  TransformerConfig (*read_config)(const ConfigReader& in);
  // The keys of config.json, but for the token ids, "architectures" and "model_type".
  void (*write_config)(const TransformerConfig& config, nlohmann::ordered_json& out);
  std::vector<WeightName> weights;
  std::vector<std::string_view> copies_of_embedding;  // further names of embed_tokens.weight: a file may hold some, all or only these
  std::vector<std::string_view> sinusoids;            // tables that files may hold; they are computed, not read
  bool writes_sinusoids = false;                      // transformers reports a file without them as incomplete
};

// Their name of our weight; empty where the table has none.
std::string their_name(const Architecture& architecture, std::string_view ours);

}  // namespace qkv
