// Words between white space, as Python's str.split() cuts them: sacreBLEU's tokenization depends on it.
#pragma once

#include <string_view>
#include <vector>

namespace qkv {

// Bytes of the white space character at `position` of valid UTF-8; 0: another character is there.
size_t white_space_at(std::string_view text, size_t position);

// Views into `text`, which is valid UTF-8.
std::vector<std::string_view> split_words(std::string_view text);

}  // namespace qkv
