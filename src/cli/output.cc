#include "cli/output.h"

#include <algorithm>

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>

#include "base/error.h"
#include "base/progress.h"

namespace qkv {
namespace {

[[noreturn]] void fail_stdout(int error) {
  if (error == EPIPE) throw ClosedPipe();
  fail(ErrorCode::io, "standard output: {}; not everything was written", std::strerror(error == 0 ? EIO : error));
}

// Results on a terminal do not mix with the line of progress.
class TerminalPause {
 public:
  TerminalPause() {
    static const bool terminal = isatty(STDOUT_FILENO) == 1;
    if (terminal) pause_.emplace();
  }

 private:
  std::optional<ProgressPause> pause_;
};

}  // namespace

void write_stdout(std::string_view text) {
  const TerminalPause pause;
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) fail_stdout(errno);
}

void flush_stdout() {
  const TerminalPause pause;
  errno = 0;
  if (std::fflush(stdout) != 0 || std::ferror(stdout)) fail_stdout(errno);
}

std::string on_one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return text;
}

}  // namespace qkv
