// Results, on stdout. A command prints through here so that a full disk or a closed pipe ends it at once with one line.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "qkv/error.h"

namespace qkv {

// Nobody reads stdout any more (| head): ends the command without a message.
class ClosedPipe : public Error {
 public:
  ClosedPipe() : Error(ErrorCode::io, "standard output was closed") {}
};

// Appends to stdout; buffered. Throws ClosedPipe, or Error(io) where the system refuses for another reason.
void write_stdout(std::string_view text);
// A result stays on its line, whatever it holds: line ends in it become spaces.
std::string on_one_line(std::string text);
// Hands over what is buffered. Called by main at the end, by commands where somebody waits for the answer.
void flush_stdout();

template <typename... Args>
void print(fmt::format_string<Args...> format, Args&&... args) {
  write_stdout(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace qkv
