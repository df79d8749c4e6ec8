// What a GGUF file says of its model, in the form of a Hugging Face directory: llama.cpp's keys as config.json and generation_config.json,
// its tensors under the names and in the layout of a class of transformers.
#pragma once

#include "formats/gguf.h"
#include "formats/json.h"
#include "io/tensor_file.h"

namespace qkv {

struct GgufModel {
  nlohmann::json config, generation;  // contents of config.json and generation_config.json
  TensorFile::Entries tensors;        // those that llama.cpp computed from settings are left out
};

// Throws Error(unsupported) for an architecture that qkv does not read from GGUF, or a setting that it does not have; Error(bad_input) for
// missing or impossible keys. `tensors` are those of the same file.
GgufModel describe_gguf(const GgufMetadata& metadata, TensorFile::Entries tensors);

}  // namespace qkv
