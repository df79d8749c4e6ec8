// How far a command is that answers line by line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "base/timing.h"

namespace qkv {

class LineProgress {
 public:
  // `done`: "translated", say. `bytes`: of all lines, to tell how much is left; 0: not known. Where a person types the lines, `typed`,
  // nothing is shown.
  LineProgress(std::string_view done, int64_t bytes, bool typed) : done_(done), typed_(typed), size_(bytes) {}

  // Work on these lines, that were read, begins; work on so many of them is done.
  template <typename Line>
  void begin(const std::vector<Line>& lines) {
    begin_block(static_cast<int64_t>(lines.size()));
    for (const Line& line : lines) bytes_ += static_cast<int64_t>(line.size()) + 1;
  }
  void done(int64_t lines_of_block);

 private:
  void begin_block(int64_t lines);

  std::string done_;
  ProgressLine line_;
  Stopwatch watch_;
  bool typed_;
  int64_t size_;
  int64_t finished_lines_ = 0, lines_ = 0;
  int64_t finished_bytes_ = 0, bytes_ = 0;
};

// Bytes that are left to read of stdin where it is a regular file; else 0.
int64_t bytes_of_stdin();
bool is_stdin_typed();

}  // namespace qkv
