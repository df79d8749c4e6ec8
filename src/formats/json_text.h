// Writes JSON piece by piece, for texts too large to be built as a value first.
#pragma once

#include <string>
#include <string_view>

namespace qkv {

// Appends a quoted and escaped JSON string. `text` must be valid UTF-8.
inline void append_quoted(std::string& json, std::string_view text) {
  constexpr char kDigits[] = "0123456789abcdef";
  json.push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      json.append({'\\', c});
    } else if (byte < 0x20) {
      json.append({'\\', 'u', '0', '0', kDigits[byte >> 4], kDigits[byte & 15]});
    } else {
      json.push_back(c);
    }
  }
  json.push_back('"');
}

}  // namespace qkv
