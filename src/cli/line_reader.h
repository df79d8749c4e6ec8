// Lines from a file, a pipe or a terminal, as many at once as are there: a file comes in large pieces, a person's lines one by one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace qkv {

class LineReader {
 public:
  // `name` stands for the file in messages. Nothing is read before next().
  LineReader(int file_descriptor, std::string name) : file_descriptor_(file_descriptor), name_(std::move(name)) {}

  // Waits for a line, and returns it with those that follow within milliseconds: at most `max_lines`, and few megabytes. Empty at the end.
  // Line ends (\n or \r\n) are removed; the last line needs none; a byte-order mark is no part of the
  // first. Throws Error(bad_input) for what is no text (base/text_file.h). Throws Error(interrupted) when a caught signal comes meanwhile.
  std::vector<std::string> next(size_t max_lines);

  // Number of the first line of the last next(), counted from 1.
  int64_t first_line() const { return first_line_; }

 private:
  bool take_line(std::vector<std::string>& lines);
  bool wait(int milliseconds) const;
  void fill();

  int file_descriptor_;
  std::string name_;
  std::string buffer_;
  size_t begin_ = 0;    // of what is not taken yet
  size_t scanned_ = 0;  // no line end before here
  bool at_end_ = false;
  int64_t first_line_ = 1, lines_taken_ = 0;
};

}  // namespace qkv
