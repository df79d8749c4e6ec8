// Text in lines of a given width.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace qkv {

// Characters of a UTF-8 text.
size_t characters(std::string_view text);

// Lines of at most `width` characters, broken at spaces; a longer word is broken where the line ends.
std::vector<std::string> wrapped(std::string_view text, size_t width);

// A shell command in lines of at most `width` characters as far as its words allow, each but the last with a backslash at its end, so that
// it can be copied. Quoted words stay whole.
std::vector<std::string> wrapped_command(std::string_view command, size_t width);

}  // namespace qkv
