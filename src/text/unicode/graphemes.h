// Grapheme clusters (UAX 29, Unicode 16): what a reader takes for one character.
#pragma once

#include <cstddef>
#include <string_view>

namespace qkv {

// Where the extended grapheme cluster that begins at `begin` ends; begin < text.size(), and a cluster begins there.
size_t grapheme_end(std::string_view text, size_t begin);

}  // namespace qkv
