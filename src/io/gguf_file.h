// The tensors of a GGUF file (formats/gguf_tensors.h).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf.h"
#include "formats/gguf_writer.h"
#include "io/tensor_file.h"

namespace qkv {

// Tensors under llama.cpp's names; `metadata` is of the whole mapped file, which must live as long as the result is read.
TensorFile::Entries gguf_entries(const GgufMetadata& metadata);

// A tensor that is to be written. `values` views memory that lives until then.
struct GgufOutput {
  std::string name;
  StoredTensor values;    // of any type that read_values() converts to f32
  std::string_view type;  // "F32", "F16", "BF16", "Q8_0", "Q4_0"; rows of the last two must be multiples of 32
};
// The size of its values in a file.
uint64_t bytes_of(const GgufOutput& output);

// Writes a file with these keys and tensors atomically (base/files.h). Throws Error(invalid_argument) that names the tensor if a value is
// too large for its type.
void write_gguf(const std::filesystem::path& path, GgufWriter keys, const std::vector<GgufOutput>& tensors);

}  // namespace qkv
