// Messages for users, on stderr; results go to stdout and never through here.
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace qkv {

enum class LogLevel { quiet, warnings, normal, verbose };
void set_log_level(LogLevel level);
LogLevel log_level();

void log_message(LogLevel level, std::string_view message);

template <typename... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::normal, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::warnings, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace qkv
