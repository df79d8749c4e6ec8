// Reads lines from a file, a pipe or a terminal. All available lines are returned together: many from a file, single ones from a person.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/unpacking_reader.h"

namespace qkv {

class LineReader {
 public:
  // `name` denotes the file in messages. Reading starts with next().
  LineReader(int file_descriptor, std::string name);

  // Waits for a line and returns it with the lines that follow within milliseconds: at most `max_lines`, and a few megabytes. Empty at the
  // end. Line ends (\n or \r\n) are removed, and so is a byte-order mark; the last line needs no line end. Throws Error(bad_input) if the
  // input is not text (base/text_file.h) and Error(interrupted) after a caught signal.
  std::vector<std::string> next(size_t max_lines);

  // Number of the first line of the last next(), counted from 1.
  int64_t first_line() const { return first_line_; }

 private:
  bool take_line(std::vector<std::string>& lines);
  bool wait(int milliseconds) const;
  void fill();

  int file_descriptor_;
  std::string name_;
  UnpackingReader reader_;
  std::string buffer_;
  size_t begin_ = 0;    // start of the remaining text
  size_t scanned_ = 0;  // there is no line end before this position
  bool at_end_ = false;
  int64_t first_line_ = 1, lines_taken_ = 0;
};

}  // namespace qkv
