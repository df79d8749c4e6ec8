// The architectures that qkv reads and writes in GGUF: llama.cpp's names of settings and tensors beside those of transformers' classes.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "formats/json.h"
#include "models/architecture.h"
#include "models/gguf/gguf_keys.h"

namespace qkv {

struct GgufArchitecture {
  std::string_view name;        // "general.architecture"
  std::string_view class_name;  // transformers' class with the same network
  std::vector<WeightName> weights;
  void (*map_settings)(GgufKeys& keys, nlohmann::json& config) = nullptr;
  // The rows of each head's two halves alternate in q and k, since llama.cpp rotates neighbouring columns for this architecture.
  bool rotary_pairs = false;
  bool needs_output = false;                        // llama.cpp asks for "output.weight" even where it is the embedding
  bool (*applies)(const GgufKeys& keys) = nullptr;  // tells apart classes that have one name in GGUF; null: it does

  Architecture layout = {};  // the class with the names and the arrangement that its weights have in GGUF
};

std::span<const GgufArchitecture> gguf_architectures();

// The architecture of a file. Throws an error that lists the known ones.
const GgufArchitecture& find_gguf_architecture(const GgufMetadata& metadata, const TensorFile::Entries& tensors);

}  // namespace qkv
