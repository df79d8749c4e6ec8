#pragma once

#include <string>
#include <string_view>

namespace qkv {

// For HTML's text and attributes: & < > " as character references.
std::string html_escaped(std::string_view text);

}  // namespace qkv
