// The tensors of a GGUF file: names, types, shapes and places, all checked before anything is allocated by them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf.h"

namespace qkv {

struct GgufType {
  uint32_t number;
  std::string_view name;
  int64_t block = 0, block_bytes = 0;  // values that are stored together, and their size; 0: neither read nor written
};
// One of ggml's types by its name.
const GgufType& gguf_type(std::string_view name);

// Types of values that are read. Q8_0: blocks of 32 values in a row, a scale in f16 and 32 signed bytes. Q4_0: a scale in f16 and 16 bytes
// that hold values i and i + 16, from -8 to 7, in their lower and upper halves.
struct GgufTensor {
  std::vector<int64_t> shape;  // the last dimension is contiguous; at most four, none is zero
  std::string_view dtype;      // "F32", "F16", "BF16", "Q8_0", "Q4_0"
  size_t begin = 0, bytes = 0;
};

// Reads the list of tensors. Throws Error(bad_input), which names the file and the tensor, for more tensors than the file holds, names that
// come twice, shapes whose sizes cannot be counted, ranges that leave the file, overlap or are not aligned, an alignment that is no power
// of two; Error(unsupported) with its name for another type of values, or if the model is split into several files.
std::map<std::string, GgufTensor> read_gguf_tensors(const GgufMetadata& metadata);

}  // namespace qkv
