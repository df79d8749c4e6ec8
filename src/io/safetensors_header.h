// Parses and validates the JSON header of a safetensors file.
#pragma once

#include <string>
#include <string_view>

#include "io/tensor_file.h"

namespace qkv {

struct SafetensorsHeader {
  TensorFile::Entries entries;
  TensorFile::Metadata metadata;
};

// Bits per element of a type in the format's notation ("F32"); 0 if there is no such type.
int safetensors_bits(std::string_view dtype);

// `json`: the header; `data`: what follows it in the file. Throws a one-line error that starts with `file`.
SafetensorsHeader parse_safetensors_header(const std::string& file, std::string_view json, std::string_view data);

}  // namespace qkv
