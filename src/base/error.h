// Throwing qkv::Error with a formatted message.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "qkv/error.h"

namespace qkv {

// Replaces control characters, which may come from names and values in untrusted files, by spaces, and removes the middle of a message that
// is too long.
std::string one_line(std::string message);

// Shortens a text from an untrusted file for a message: at most `most` bytes, whole characters, then "…" if there was more.
std::string shortened(std::string_view text, size_t most = 120);

template <typename... Args>
[[noreturn]] void fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(code, one_line(fmt::format(format, std::forward<Args>(args)...)));
}

}  // namespace qkv

// QKV_REQUIRE(a == b, "what is wrong: {} instead of {}", a, b) checks what a caller of the library gives; Error(invalid_argument).
#define QKV_REQUIRE(condition, ...)                                 \
  do {                                                              \
    if (!(condition)) [[unlikely]]                                  \
      ::qkv::fail(::qkv::ErrorCode::invalid_argument, __VA_ARGS__); \
  } while (false)

// QKV_CHECK(a == b, "[op] shape {} instead of {}", a, b) checks what one part of qkv gives another, such as shapes; Error(internal).
#define QKV_CHECK(condition, ...)                           \
  do {                                                      \
    if (!(condition)) [[unlikely]]                          \
      ::qkv::fail(::qkv::ErrorCode::internal, __VA_ARGS__); \
  } while (false)
