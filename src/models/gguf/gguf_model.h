// What a GGUF file says of its model, in the form of a Hugging Face directory: llama.cpp's keys as config.json and generation_config.json.
#pragma once

#include "formats/gguf.h"
#include "formats/json.h"
#include "io/tensor_file.h"
#include "models/gguf/gguf_architectures.h"

namespace qkv {

struct GgufModel {
  const GgufArchitecture* architecture = nullptr;
  nlohmann::json config, generation;  // contents of config.json and generation_config.json
  TensorFile::Entries tensors;        // those that llama.cpp computed from settings are left out
};

// Throws Error(unsupported) for an architecture that qkv does not read from GGUF, or a setting that it does not have; Error(bad_input) for
// missing or impossible keys. `tensors` are those of the same file.
GgufModel describe_gguf(const GgufMetadata& metadata, TensorFile::Entries tensors);

// Where the values of one of llama.cpp's tensors are in the layout (GgufArchitecture), and the other way round: the rows of q and k may
// be in another order. `config` is config.json.
enum class GgufDirection : uint8_t { from_file, to_file };
void arrange_rows(const GgufArchitecture& architecture, const nlohmann::json& config, GgufDirection direction, const std::string& name,
                  StoredTensor& tensor);

}  // namespace qkv
