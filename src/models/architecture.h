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
  bool transposed = false;  // theirs is [in, out], as GPT-2's Conv1D has it
  int part = 0, parts = 1;  // ours is one of several of the same shape that they keep as one: this part of its outputs
};

struct Architecture {
  std::string_view class_name;  // "architectures" of config.json
  std::string_view model_type;
  // Can this class hold the network? Models of our own are written as the first one that does.
  bool (*holds)(const TransformerConfig& config);
  // Everything but the token ids, which generation_config.json may override.
  TransformerConfig (*read_config)(const ConfigReader& in);
  // The keys of config.json, but for the token ids, "architectures" and "model_type".
  void (*write_config)(const TransformerConfig& config, nlohmann::ordered_json& out);
  std::vector<WeightName> weights;                    // empty: the names are ours
  std::vector<std::string_view> copies_of_embedding;  // further names of embed_tokens.weight: a file may hold some, all or only these
  std::vector<std::string_view> ignored;              // what files may hold besides: constants and tables that are computed; "{}" as above
  bool writes_sinusoids = false;                      // `ignored` are tables of sinusoids that transformers misses where they are not there
};

// Where one of our weights is kept.
struct TheirWeight {
  std::string name;  // empty: nowhere
  bool transposed = false;
  int part = 0, parts = 1;
};
TheirWeight their_weight(const Architecture& architecture, std::string_view ours);

// Is `name` one of the tensors that are not read?
bool is_ignored(const Architecture& architecture, std::string_view name);

}  // namespace qkv
