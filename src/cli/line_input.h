// What a command reads text from: a file, or stdin where none is named.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "cli/line_reader.h"

namespace qkv {

class LineInput {
 public:
  // An empty path is stdin. Throws Error(io) for a file that cannot be read.
  explicit LineInput(const std::string& path);
  ~LineInput();
  LineInput(const LineInput&) = delete;
  LineInput& operator=(const LineInput&) = delete;

  const std::string& name() const { return name_; }
  int64_t first_line() const { return first_line_; }  // number of the block's first line, from 1

  // The next block of lines, valid until the next call; empty at the end. A file is mapped, so its lines may be of any length.
  std::vector<std::string_view> next();
  // All of it as one text, in place of next(); valid as long as the input.
  std::string_view whole();

 private:
  std::string name_;
  MappedFile file_;
  size_t position_ = 0;
  int descriptor_;
  std::optional<LineReader> reader_;
  std::vector<std::string> block_;
  std::string text_;
  int64_t first_line_ = 1;
  size_t lines_in_block_ = 0;
};

}  // namespace qkv
