// Messages for users, on stderr; results go to stdout and never through here.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "base/option_error.h"

namespace qkv {

enum class LogLevel { quiet, warnings, normal, verbose };
void set_log_level(LogLevel level);
LogLevel log_level();

// How warnings call a member of an options struct: `num_beams` in a format is written as names("num_beams"). By default as it stands.
void set_field_names(std::string (*names)(std::string_view field));

void log_message(LogLevel level, std::string_view message);
void log_marked_warning(std::string_view message);  // see mark_fields

template <typename... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::normal, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  const fmt::string_view text = format;
  log_marked_warning(fmt::vformat(mark_fields({text.data(), text.size()}), fmt::make_format_args(args...)));
}

}  // namespace qkv
