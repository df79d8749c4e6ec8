// The JSON header of a safetensors file, read with every rule of the format checked.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "io/safetensors.h"

namespace qkv {

struct SafetensorsHeader {
  std::map<std::string, SafetensorsReader::Entry> entries;
  std::map<std::string, std::string> metadata;
};

// Bits of one element of a type as the format names it ("F32"); 0: no such type.
int safetensors_bits(std::string_view dtype);

// `json`: the header; `data_bytes`: what follows it in the file. Throws one line that starts with `file`.
SafetensorsHeader parse_safetensors_header(const std::string& file, std::string_view json, int64_t data_bytes);

}  // namespace qkv
