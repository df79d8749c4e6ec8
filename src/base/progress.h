// One line of progress at the bottom of a terminal, and formatting of durations.
#pragma once

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

namespace qkv {

// While it shows something, a thread redraws it several times a second, so that it moves during long work and follows the terminal's width.
// Thread safety: all functions may be called from any thread.
class ProgressLine {
 public:
  // Shows nothing if `stream` is no terminal or messages are switched off (base/log.h).
  explicit ProgressLine(std::FILE* stream = stderr);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  bool visible() const { return impl_ != nullptr; }
  // Shows what is being done and for how long; not in its first half second, so that short work shows nothing.
  void begin(std::string_view activity);
  // Shows a text as it is. What is cut is cut to the terminal's width.
  void show(std::string_view text);
  // Shows nothing until begin() or show().
  void clear();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;  // null: not visible
};

// Takes the line that is shown from the terminal, and keeps it away as long as this lives: something else is written. Not to be nested.
class ProgressPause {
 public:
  ProgressPause();
  ~ProgressPause();
  ProgressPause(const ProgressPause&) = delete;
  ProgressPause& operator=(const ProgressPause&) = delete;
};

// The beginning of a text in UTF-8 that takes at most so many columns of a terminal; control characters become spaces.
std::string cut_to_columns(std::string_view text, size_t columns);

// "45 s", "12:34", "3:04:05".
std::string format_duration(double seconds);

}  // namespace qkv
