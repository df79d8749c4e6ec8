#include "cli/output.h"

#include <algorithm>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/error.h"

namespace qkv {
namespace {

[[noreturn]] void fail_stdout(int error) {
  if (error == EPIPE) throw ClosedPipe();
  fail(ErrorCode::io, "standard output: {}; not everything was written", std::strerror(error == 0 ? EIO : error));
}

}  // namespace

void write_stdout(std::string_view text) {
  errno = 0;
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) fail_stdout(errno);
}

void flush_stdout() {
  errno = 0;
  if (std::fflush(stdout) != 0 || std::ferror(stdout)) fail_stdout(errno);
}

std::string on_one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return text;
}

}  // namespace qkv
