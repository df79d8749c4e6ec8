// Throwing qkv::Error with a formatted message.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "qkv/error.h"

namespace qkv {

// Control characters, which names and values from a stranger's file may have, become spaces; the middle of what is longer than any
// message should be is left out.
std::string one_line(std::string message);

// A text from a stranger's file, fit to stand in a message: at most `most` bytes of it, whole characters, then "…" where it went on.
std::string shortened(std::string_view text, size_t most = 120);

template <typename... Args>
[[noreturn]] void fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(code, one_line(fmt::format(format, std::forward<Args>(args)...)));
}

}  // namespace qkv

// Checks of arguments and shapes: QKV_CHECK(a == b, "[op] what is wrong: {} instead of {}", a, b).
#define QKV_CHECK(condition, ...)                                   \
  do {                                                              \
    if (!(condition)) [[unlikely]]                                  \
      ::qkv::fail(::qkv::ErrorCode::invalid_argument, __VA_ARGS__); \
  } while (false)
