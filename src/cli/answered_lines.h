// The loop of commands that answer stdin line by line.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace qkv {

struct LineBlock {
  std::vector<std::string> lines;
  int64_t first = 1;  // number of the first line

  int64_t number(size_t i) const { return first + static_cast<int64_t>(i); }
};

// Reads stdin in blocks of at most 1024 lines as they come, has each answered and flushes stdout after it, with progress on a terminal:
// "labelled 120 lines". Lines that are not valid UTF-8 are named in a warning.
void answer_lines(std::string_view done, const std::function<void(const LineBlock&)>& answer);

// Two texts of each line, with one tab between them. Throws Error(bad_input) that names the first line that is something else; `what`:
// "a question, a tab and a text".
struct LinePairs {
  std::vector<std::string> first, second;
};
LinePairs split_pairs(const LineBlock& block, std::string_view what);

}  // namespace qkv
