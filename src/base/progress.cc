#include "base/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "base/log.h"
#include "base/terminal.h"

namespace qkv {
namespace {

// A lost terminal (SIGHUP) must not end any work.
void write_over(std::FILE* stream, std::string_view text) {
  const std::string line = fmt::format("\r\033[K{}", text);  // to the first column, erase to the end
  std::fwrite(line.data(), 1, line.size(), stream);
  std::fflush(stream);
}

}  // namespace

ProgressLine::ProgressLine(std::FILE* stream) : stream_(stream), visible_(isatty(fileno(stream)) == 1 && log_level() >= LogLevel::normal) {}

void ProgressLine::show(std::string_view text) {
  const auto now = std::chrono::steady_clock::now();
  if (!visible_ || now < next_) return;
  next_ = now + std::chrono::milliseconds(100);
  text = text.substr(0, static_cast<size_t>(terminal_width(fileno(stream_), 80)) - 1);
  write_over(stream_, text);
  shown_ = true;
}

void ProgressLine::clear() {
  if (!shown_) return;
  write_over(stream_, "");
  shown_ = false;
  next_ = {};
}

std::string format_duration(double seconds) {
  const auto whole = static_cast<long long>(std::llround(std::clamp(seconds, 0.0, 1e9)));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{}:{:02d}", whole / 60, whole % 60);
  return fmt::format("{}:{:02d}:{:02d}", whole / 3600, whole / 60 % 60, whole % 60);
}

}  // namespace qkv
