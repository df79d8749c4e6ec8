#include "io/gguf_file.h"

#include "formats/gguf_tensors.h"

namespace qkv {

TensorFile::Entries gguf_entries(const GgufMetadata& metadata) {
  TensorFile::Entries entries;
  for (const auto& [name, tensor] : read_gguf_tensors(metadata)) {
    entries[name] = {.dtype = std::string(tensor.dtype),
                     .shape = tensor.shape,
                     .strides = {},
                     .data = metadata.bytes().data() + tensor.begin,
                     .bytes = static_cast<int64_t>(tensor.bytes),
                     .shift = 0,
                     .split_shape = {}};
  }
  return entries;
}

}  // namespace qkv
