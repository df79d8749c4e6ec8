// What a family of models is: how its config.json maps to TransformerConfig, and how its weights' names map to ours.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "models/config_reader.h"
#include "nn/transformer_config.h"

namespace qkv {

// Which outputs of a tensor that holds several of our weights are one of them.
struct FusedPart {
  enum class Of : uint8_t { whole, qkv, gate_up } of = Of::whole;
  int index = 0;  // the place among those: q, k, v; of gate_up as theirs has the two
  enum class Order : uint8_t {
    stacked,    // all of the first, all of the second, …
    per_head,   // the q, k and v of each head together (GPT-NeoX, BLOOM)
    per_group,  // the queries of each key/value head, then its k and v (Falcon)
  } order = Order::stacked;
};

// A module and its name in our network; "{}" stands for a layer's number. The part behind it (".weight") is the same on both sides.
struct WeightName {
  std::string_view theirs, ours;
  bool transposed = false;  // theirs is [in, out], as GPT-2's Conv1D has it
  FusedPart part = {};      // ours is one of several that they keep as one tensor
};

// A further name of one of our weights: where the embedding is the output layer too, a file may hold some of the names, all or only these.
struct WeightCopy {
  std::string_view theirs, ours;
};

struct Architecture {
  std::string_view class_name;  // "architectures" of config.json
  std::string_view model_type;
  // Everything but the token ids, which generation_config.json may override; these are the class's defaults.
  TransformerConfig (*read_config)(const ConfigReader& in) = nullptr;
  // The keys of config.json, but for the token ids, "architectures" and "model_type". Keys that the class lacks are left out: what it
  // cannot hold is then read back as another network, and registry.h's holds() says so. Throws where the layers differ in a class that
  // repeats one.
  void (*write_config)(const TransformerConfig& config, nlohmann::ordered_json& out) = nullptr;
  std::string_view base_prefix;     // what names begin with where a head stands on the base model ("bert."); files may lack it
  std::vector<WeightName> weights;  // empty: the names are ours
  std::vector<WeightCopy> copies;
  std::vector<std::string_view> ignored;  // what files may hold besides: constants and tables that are computed; "{}" as above
  bool writes_sinusoids = false;          // transformers misses tables of sinusoids where they are not there
};

}  // namespace qkv
