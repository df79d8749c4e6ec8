// Writes results to stdout. All commands print through these functions, so that a full disk or a closed pipe ends them at once with one
// line.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "qkv/error.h"

namespace qkv {

// The reader of stdout is gone (| head), which ends the command without a message.
class ClosedPipe : public Error {
 public:
  ClosedPipe() : Error(ErrorCode::io, "standard output was closed") {}
};

// Appends to buffered stdout. Throws ClosedPipe, or Error(io) if the write fails for another reason.
void write_stdout(std::string_view text);
// Replaces line ends by spaces, so that a result stays on one line.
std::string on_one_line(std::string text);
// Flushes the buffer. Called by main at the end, and by commands after each answer that a user waits for.
void flush_stdout();

template <typename... Args>
void print(fmt::format_string<Args...> format, Args&&... args) {
  write_stdout(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace qkv
