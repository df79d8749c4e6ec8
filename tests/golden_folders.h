// Lists the model directories of a folder of goldens, so that a new one is tested without being named.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace qkv {

inline std::vector<std::string> folders_of(const std::filesystem::path& goldens) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(goldens)) {
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace qkv
