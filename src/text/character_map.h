// The map of characters inside a SentencePiece model ("precompiled_charsmap"): a double array (Aoe 1989, as Darts-clone lays it out) from
// sequences of UTF-8 bytes to texts that take their place.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace qkv {

class CharacterMap {
 public:
  CharacterMap() = default;  // maps nothing
  // `blob`: the size of the array in bytes (4 bytes), the array, texts that end with a zero byte. Throws Error(bad_input) that begins
  // with `where` for a size that cannot be; whatever the array holds, no look-up leaves it.
  CharacterMap(std::string_view blob, const std::string& where);

  struct Match {
    size_t length = 0;  // of the sequence in bytes; 0: there is none
    std::string_view replacement;
  };
  // The longest sequence that `text` has at `position`.
  Match longest_at(std::string_view text, size_t position) const;
  bool begins_with(unsigned char byte) const;  // is there a sequence that does?

 private:
  std::vector<uint32_t> units_;
  std::string texts_;
};

}  // namespace qkv
