// The tensors of a GGUF file (formats/gguf_tensors.h).
#pragma once

#include <filesystem>

#include "formats/gguf.h"
#include "io/tensor_file.h"

namespace qkv {

// Tensors under llama.cpp's names; `metadata` is of the whole mapped file, which must live as long as the result is read.
TensorFile::Entries gguf_entries(const GgufMetadata& metadata);

}  // namespace qkv
