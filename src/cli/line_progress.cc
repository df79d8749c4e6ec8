#include "cli/line_progress.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace qkv {

void LineProgress::begin_block(int64_t lines) {
  finished_lines_ += lines_;
  finished_bytes_ += bytes_;
  lines_ = lines;
  bytes_ = 0;
  if (finished_lines_ == 0 && !typed_) line_.begin(fmt::format("{} 0 lines", done_));
}

void LineProgress::done(int64_t lines_of_block) {
  if (typed_ || !line_.visible() || lines_ == 0) return;
  const int64_t lines = finished_lines_ + lines_of_block;
  std::string text =
      fmt::format("{} {} lines  {:.0f} lines/s", done_, lines, static_cast<double>(lines) / std::max(watch_.seconds(), 1e-3));
  if (size_ > 0) {
    const double part = static_cast<double>(lines_of_block) / static_cast<double>(lines_);
    const double bytes = static_cast<double>(finished_bytes_) + part * static_cast<double>(bytes_);
    const double share = std::clamp(bytes / static_cast<double>(size_), 1e-6, 1.0);
    text += fmt::format("  {:.0f} %  ETA {}", 100 * share, format_duration(watch_.seconds() * (1 - share) / share));
  }
  line_.show(text);
}

int64_t bytes_of_stdin() {
  struct stat status {};
  if (fstat(STDIN_FILENO, &status) != 0 || !S_ISREG(status.st_mode)) return 0;
  return static_cast<int64_t>(status.st_size) - std::max<int64_t>(lseek(STDIN_FILENO, 0, SEEK_CUR), 0);
}

bool is_stdin_typed() { return isatty(STDIN_FILENO) == 1; }

}  // namespace qkv
