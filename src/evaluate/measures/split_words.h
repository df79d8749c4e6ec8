// Splits at white space like Python's str.split(), which sacreBLEU's tokenization depends on.
#pragma once

#include <string_view>
#include <vector>

namespace qkv {

// Number of bytes of the white space character at `position` of valid UTF-8; 0 if another character is there.
size_t white_space_at(std::string_view text, size_t position);

// Returns views into `text`, which must be valid UTF-8.
std::vector<std::string_view> split_words(std::string_view text);

}  // namespace qkv
