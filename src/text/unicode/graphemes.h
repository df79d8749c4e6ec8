// Grapheme clusters (UAX 29, Unicode 16): user-perceived characters.
#pragma once

#include <cstddef>
#include <string_view>

namespace qkv {

// The end of the extended grapheme cluster that begins at `begin`; begin < text.size(), and a cluster must begin there.
size_t grapheme_end(std::string_view text, size_t begin);

}  // namespace qkv
