// Writes a model as a GGUF file.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf_writer.h"
#include "io/safetensors.h"
#include "models/gguf/gguf_architectures.h"
#include "models/model.h"

namespace qkv {

// The first of llama.cpp's architectures that reads back as the same network, one of the model's own class before others. Throws
// Error(unsupported) that names the settings for which there is no key.
const GgufArchitecture& gguf_architecture_for(const Model& model);

// Writes the settings, the keys of `others`, the weights and `tensors` beside them. `type` is that of matrices: "F32", "F16", "BF16",
// "Q8_0", "Q4_0"; as in llama.cpp's files, vectors, norms and tables of positions are F32, and matrices whose rows do not divide into
// blocks of 32 are F16 instead of a quantized type. A head for hidden tokens or a pooler on an encoder, for which GGUF has no place, is
// left out with a warning. The file appears as a whole or not at all.
void write_gguf_model(const Model& model, const GgufArchitecture& architecture, const GgufWriter& others, std::string_view type,
                      const std::filesystem::path& path, const NamedTensors& tensors = {});

}  // namespace qkv
