// The text input of a command: a file, or stdin if none is named; packed or not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/text_source.h"
#include "cli/line_reader.h"

namespace qkv {

class LineInput {
 public:
  // An empty path means stdin. Throws Error(io) for a file that cannot be read.
  explicit LineInput(const std::string& path);
  ~LineInput();
  LineInput(const LineInput&) = delete;
  LineInput& operator=(const LineInput&) = delete;

  const std::string& name() const { return name_; }
  int64_t size() const { return file_ ? static_cast<int64_t>(file_->text().size()) : 0; }  // in bytes; 0: not known
  bool is_typed() const;                                                                   // by a person, on a terminal
  int64_t first_line() const { return first_line_; }                                       // number of the block's first line, from 1

  // The next block of lines, valid until the next call; empty at the end. Files are mapped, so their lines may have any length.
  std::vector<std::string_view> next();
  // The entire input as one text, instead of next(); valid for the lifetime of this object.
  std::string_view whole();

 private:
  std::string name_;
  std::optional<TextSource> file_;
  size_t position_ = 0;
  int descriptor_;
  std::optional<LineReader> reader_;
  std::vector<std::string> block_;
  int64_t first_line_ = 1;
  size_t lines_in_block_ = 0;
};

}  // namespace qkv
