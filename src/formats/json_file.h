// JSON files that strangers wrote.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>

namespace qkv {

// Throws one line that names the file, and the line and column of what is no JSON. A key given twice, a number
// too large for a double and nesting deeper than any real file's are refused too. Infinity, -Infinity and NaN, which Python writes, are
// numbers.
nlohmann::json read_json_object(const std::filesystem::path& path);

}  // namespace qkv
