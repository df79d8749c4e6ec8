// Values of a stranger's file in messages.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace qkv {

// At most `most` bytes of a text, cut between two characters and with "…" behind them where it is longer.
inline std::string short_text(std::string_view text, size_t most = 100) {
  if (text.size() <= most) return std::string(text);
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;
  return std::string(text.substr(0, most)) + "…";
}

}  // namespace qkv
