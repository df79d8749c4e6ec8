// Files that the tests of this folder read and write.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/files.h"
#include "base/temporary_directory.h"
#include "formats/json.h"

namespace qkv {

inline std::filesystem::path golden_path(const std::string& name) {
  return std::filesystem::path(QKV_SOURCE_DIR) / "tests" / "goldens" / "tokenizer" / name;
}

inline nlohmann::json golden(const std::string& name) { return nlohmann::json::parse(read_file(golden_path(name))); }

// A folder of the data that is not part of the project.
inline std::filesystem::path test_data(const std::string& folder) {
  const char* chosen = std::getenv("QKV_DATA");
  return (chosen ? std::filesystem::path(chosen) : std::filesystem::path(QKV_SOURCE_DIR) / ".." / "shared" / "data") / folder;
}

// FNV-1a, 64 bits, in hexadecimal digits: the hash used in the goldens.
inline std::string hash_of(std::string_view text) {
  uint64_t value = 0xCBF29CE484222325u;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return fmt::format("{:016x}", value);
}

// The message of the qkv::Error that a call throws; stores its code in `code`.
template <typename Call>
std::string error_of(Call&& call, ErrorCode* code = nullptr) {
  try {
    call();
  } catch (const Error& error) {
    if (code) *code = error.code();
    return error.what();
  }
  return "(no error)";
}

}  // namespace qkv
