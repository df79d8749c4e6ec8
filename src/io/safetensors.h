// The safetensors format: 8 bytes of header length, a JSON header, then the tensors' bytes.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "io/tensor_file.h"

namespace qkv {

// Opens a file for reading. The whole header is checked before anything is allocated: length, JSON, known types, shapes that fit their
// byte ranges, ranges inside the file without gaps or overlaps, no duplicate keys.
TensorFile open_safetensors(const std::filesystem::path& path);

// The type of floating-point values in a written file; `same`: that of each tensor.
enum class SafetensorsType : uint8_t { same, f32, bf16, f16 };

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

// Writes tensors (f32, bf16, f64, i32) in the given order, converted to `type` if they are floating-point. The write is atomic: temporary
// name, sync, rename. Throws Error(invalid_argument) that names the tensor if a value is too large for f16.
void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata = {{"format", "pt"}},
                       SafetensorsType type = SafetensorsType::same);

// A file whose values are written by others: `header` comes first, and the values of tensor i lie from byte begins[i] on.
struct SafetensorsLayout {
  std::string header;  // with the eight bytes of its length
  std::vector<int64_t> begins;
  int64_t size = 0;  // of the file
};
// The layout of the file that write_safetensors() makes of f32 tensors with these names and shapes.
SafetensorsLayout layout_safetensors(const std::filesystem::path& path, const std::vector<std::pair<std::string, Shape>>& tensors,
                                     const std::map<std::string, std::string>& metadata = {{"format", "pt"}});

// As transformers does: model.safetensors, or model-00001-of-0000N.safetensors with at most `max_bytes` of values each (or one tensor) and
// model.safetensors.index.json.
void write_safetensors_shards(const std::filesystem::path& directory, const NamedTensors& tensors, SafetensorsType type, int64_t max_bytes);

}  // namespace qkv
