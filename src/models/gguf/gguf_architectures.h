// The architectures that qkv reads from GGUF: llama.cpp's names of settings and tensors beside those of transformers' classes.
#pragma once

#include <string_view>
#include <vector>

#include "formats/json.h"
#include "models/gguf/gguf_keys.h"

namespace qkv {

// A module's name in GGUF and in our network; "{}" stands for the layer's number. The suffix (".weight") is the same in both.
struct GgufName {
  std::string_view theirs, ours;
  // The rows of each head's two halves alternate in the file, since llama.cpp rotates neighbouring columns for this architecture.
  bool rotary_pairs = false;
};

struct GgufArchitecture {
  std::string_view name;        // "general.architecture"
  std::string_view class_name;  // transformers' class with the same network
  std::vector<GgufName> names;
  void (*read_config)(GgufKeys& in, nlohmann::json& config) = nullptr;
};

// Throws an error that lists the known ones.
const GgufArchitecture& find_gguf_architecture(const GgufMetadata& metadata);

}  // namespace qkv
