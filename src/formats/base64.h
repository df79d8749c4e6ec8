// Base64 (RFC 4648, section 4): bytes as letters, digits, + and /.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace qkv {

std::string to_base64(std::string_view bytes);

// Nothing if the text is not base64; padding at the end may be missing.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace qkv
