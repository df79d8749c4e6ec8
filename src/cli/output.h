// Results, on stdout. A command prints through here so that a full disk or a closed pipe ends it at once with one line.
#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace qkv {

// Appends to stdout; buffered. Throws Error(io) where the system refuses.
void write_stdout(std::string_view text);
// Hands over what is buffered. Called by main at the end, by commands where somebody waits for the answer.
void flush_stdout();

template <typename... Args>
void print(fmt::format_string<Args...> format, Args&&... args) {
  write_stdout(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace qkv
