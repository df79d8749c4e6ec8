// JSON files from untrusted sources.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>

namespace qkv {

// Throws one line that names the file, and the line and column of a syntax error. Duplicate keys, numbers too large for a double and
// excessive nesting are rejected, too. Infinity, -Infinity and NaN, which Python writes, are accepted as numbers.
nlohmann::json read_json_object(const std::filesystem::path& path);

}  // namespace qkv
