// Parses and validates the JSON header of a safetensors file.
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

// Bits per element of a type in the format's notation ("F32"); 0 if there is no such type.
int safetensors_bits(std::string_view dtype);

// `json`: the header; `data_bytes`: size of the data that follows it in the file. Throws a one-line error that starts with `file`.
SafetensorsHeader parse_safetensors_header(const std::string& file, std::string_view json, int64_t data_bytes);

}  // namespace qkv
