// SentencePiece's precompiled character map, by which its models normalize texts (mostly NFKC with changes).
//
// The format: a little-endian u32, the size in bytes of a double-array trie (Yata's Darts-clone), the trie's u32 units, and then the
// replacements, each terminated by a zero byte. The trie's keys are UTF-8; a key's value is the offset of its replacement.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/json_node.h"
#include "text/pipeline/pipeline.h"

namespace qkv {

class PrecompiledMap {
 public:
  // Throws Error(bad_input) that starts with `where` if this is no such map or has replacements beyond 1,024 bytes.
  PrecompiledMap(std::string_view bytes, const std::string& where);

  // The replacement of the shortest key that `text` begins with; nothing if there is none. Units or replacements out of range, which a
  // damaged map may contain, count as no key.
  std::optional<std::string_view> find(std::string_view text) const;

  struct Match {
    size_t length = 0;  // bytes of the key; 0: none
    std::string_view replacement;
  };
  // The longest key that `text` begins with, and its replacement.
  Match find_longest(std::string_view text) const;
  bool has_key_from(std::string_view prefix) const;  // whether any key begins with it

 private:
  // Calls see(length, replacement) for each key that `text` begins with, the shortest first, until it returns false.
  template <typename See>
  void for_each_key(std::string_view text, See&& see) const;

  std::vector<uint32_t> units_;
  std::string replacements_;
};

// {"precompiled_charsmap": base64}; empty: a normalizer that changes nothing. As in `tokenizers`, and unlike in SentencePiece, the map is
// applied to whole grapheme clusters of up to five bytes.
std::unique_ptr<Normalizer> make_precompiled_normalizer(const JsonNode& node);

}  // namespace qkv
