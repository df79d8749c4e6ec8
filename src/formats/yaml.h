// YAML files from untrusted sources, read with libyaml.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace qkv {

// The document as JSON in which every scalar is a string, as Python's yaml.BaseLoader gives it. Throws Error(bad_input) that names `file`
// and the line for syntax errors, keys that come twice, nesting deeper than 64, and aliases, by which a small file could become any size.
nlohmann::json parse_yaml(std::string_view text, const std::string& file);

}  // namespace qkv
