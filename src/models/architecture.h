// Describes a family of models: how its config.json maps to TransformerConfig, and how its weights' names map to ours.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "models/config_reader.h"
#include "nn/transformer_config.h"

namespace qkv {

// Selects one of our weights within a tensor that holds several of them.
struct FusedPart {
  // q_heads, k_heads: a vector for each head, all of them in one tensor.
  enum class Of : uint8_t { whole, qkv, gate_up, q_heads, k_heads } of = Of::whole;
  int index = 0;  // index within the order q, k, v; for gate_up, the order of the file; of heads, the number after our module's name
  enum class Order : uint8_t {
    stacked,    // all outputs of the first weight, then all of the second, …
    per_head,   // q, k and v of each head together (GPT-NeoX, BLOOM)
    per_group,  // for each key/value head its queries, then its k and v (Falcon)
  } order = Order::stacked;
};

// The name of a module in the files and in our network; "{}" stands for the layer's number. The suffix (".weight") is the same in both.
struct WeightName {
  std::string theirs;
  std::string_view ours;
  bool transposed = false;                           // theirs is [in, out], as in GPT-2's Conv1D
  FusedPart part = {};                               // ours is part of a tensor of theirs
  bool less_one = false;                             // theirs is ours less one, as in Gemma's norms
  bool scalar = false;                               // theirs has no dimension, ours is of one value
  bool (*when)(const LayerConfig& layer) = nullptr;  // only in layers of which this is true; stands before the name in other layers
};

// Another name of one of our weights. If the output layer shares the embedding's weight, a file may contain the weight under some of its
// names, all of them, or only these.
struct WeightCopy {
  std::string_view theirs, ours;
};

// What is read of the files.
enum class ModelPart : uint8_t {
  whole,
  encoder,  // of an encoder-decoder, where transformers has a class for its encoder alone; otherwise all of it
};

struct Architecture {
  std::string_view class_name;  // "architectures" of config.json
  std::string_view model_type;
  // Reads everything except the token ids, which generation_config.json may override; here they are the class's defaults.
  TransformerConfig (*read_config)(const ConfigReader& in) = nullptr;
  // Writes the keys of config.json except the token ids, "architectures" and "model_type". Settings without a key in the class are dropped,
  // so that reading gives another network, which holds() of registry.h detects. Throws if the layers differ and the class repeats one
  // layer.
  void (*write_config)(const TransformerConfig& config, nlohmann::ordered_json& out) = nullptr;
  std::string_view base_prefix;           // prefix of names in a model with a head ("bert."); files may lack it
  std::vector<WeightName> weights;        // empty: the files use our names
  std::vector<WeightName> older_weights;  // names that files may use instead and that are not written
  std::vector<WeightCopy> copies;
  std::vector<std::string_view> ignored;      // tensors that files may also contain: constants and computed tables; "{}" as in WeightName
  std::vector<std::string_view> other_parts;  // beginnings of the names of tensors of parts that are not read, as one for images
  bool writes_sinusoids = false;              // transformers requires the tables of sinusoids in the file
  // The output layer shares the embedding's weight unless the files have both and they differ, whatever "tie_word_embeddings" says.
  // read_config then returns a tied network.
  bool tied_by_weights = false;
  // An output layer that equals the embedding shares its weight, whatever read_config says: of files that must have both.
  bool ties_equal_weights = false;
  bool rounds_embedding_scale = false;  // in a model of bf16 weights transformers rounds the factor of the embeddings, too
  bool read_only = false;               // files of this class are read, but written as another
};

}  // namespace qkv
