// Throwing qkv::OptionError with a formatted message that marks its fields: fail_option(code, "`num_beams` {} is too small", n).
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "base/error.h"
#include "qkv/option_error.h"

namespace qkv {

// A format string in whose result option_error() finds the fields again: values cannot be taken for one, as only the format is marked.
std::string mark_fields(std::string_view format);
OptionError option_error(ErrorCode code, std::string_view marked_message);

template <typename... Args>
[[noreturn]] void fail_option(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  const fmt::string_view text = format;
  throw option_error(code, fmt::vformat(mark_fields({text.data(), text.size()}), fmt::make_format_args(args...)));
}

}  // namespace qkv

// Checks of options: QKV_CHECK_OPTION(n >= 1, "`num_beams` {} is too small", n).
#define QKV_CHECK_OPTION(condition, ...)                                   \
  do {                                                                     \
    if (!(condition)) [[unlikely]]                                         \
      ::qkv::fail_option(::qkv::ErrorCode::invalid_argument, __VA_ARGS__); \
  } while (false)
