// One line of progress at the bottom of a terminal, and formatting of durations.
#pragma once

#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>

namespace qkv {

class ProgressLine {
 public:
  // Shows nothing if `stream` is no terminal or messages are switched off (base/log.h).
  explicit ProgressLine(std::FILE* stream = stderr);
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  bool visible() const { return visible_; }
  // Replaces the line, at most ten times a second; cut to the terminal's width.
  void show(std::string_view text);
  // Removes the line, so that something else can be printed.
  void clear();

 private:
  std::FILE* stream_;
  bool visible_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point next_;
};

// "45 s", "12:34", "3:04:05".
std::string format_duration(double seconds);

}  // namespace qkv
