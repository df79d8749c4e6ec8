// Files that are read as one text, one after another. Thread safety: values, no shared state.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace qkv {

// A list of paths, made from one where there is one only. A file may be packed with gzip or zstd, which its content tells, or be a pipe
// (/dev/stdin).
class TextFiles : public std::vector<std::filesystem::path> {
 public:
  using vector::vector;
  TextFiles() = default;
  TextFiles(std::filesystem::path file) : vector{std::move(file)} {}           // NOLINT: a path is a list of one
  TextFiles(const std::string& file) : vector{std::filesystem::path(file)} {}  // NOLINT
  TextFiles(const char* file) : vector{std::filesystem::path(file)} {}         // NOLINT
};

}  // namespace qkv
