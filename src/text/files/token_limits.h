// Limits for every tokenizer file: far above any trained tokenizer, and low enough that a hostile file fails at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/utf8.h"

namespace qkv {

inline constexpr size_t kMaxTokens = 8'000'000;
inline constexpr size_t kMaxTokenBytes = 65'535;
// Ids may have holes (removed tokens), but a file must not cause a table far larger than itself.
inline constexpr int64_t kMaxHoles = 100'000;

// Checks that a token of a binary file is valid UTF-8 and not too long.
inline void check_token(std::string_view token, size_t id, const std::string& file) {
  if (token.size() > kMaxTokenBytes) {
    fail(ErrorCode::bad_input, "{}: token {} has {} bytes; the longest that qkv reads have {}", file, id, token.size(), kMaxTokenBytes);
  }
  if (!is_valid_utf8(token)) fail(ErrorCode::bad_input, "{}: token {} is not valid UTF-8", file, id);
}

}  // namespace qkv
