#include "cli/answered_lines.h"

#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/utf8.h"
#include "cli/line_progress.h"
#include "cli/line_reader.h"
#include "cli/output.h"
#include "decode/translator.h"

namespace qkv {
namespace {

constexpr size_t kMostLines = 1024;
constexpr const char* kName = "standard input";

void warn_of_invalid(const LineBlock& block) {
  std::vector<int64_t> invalid;
  for (size_t i = 0; i < block.lines.size(); ++i) {
    if (!is_valid_utf8(block.lines[i])) invalid.push_back(block.number(i));
  }
  if (!invalid.empty()) log_warning("{}: not valid UTF-8; the bad bytes are read as U+FFFD", list_lines(invalid));
}

}  // namespace

void answer_lines(std::string_view done, const std::function<void(const LineBlock&)>& answer) {
  LineReader reader(STDIN_FILENO, kName);
  LineProgress progress(done, bytes_of_stdin(), is_stdin_typed());
  for (LineBlock block; !(block.lines = reader.next(kMostLines)).empty();) {
    block.first = reader.first_line();
    progress.begin(block.lines);
    warn_of_invalid(block);
    answer(block);
    flush_stdout();
    progress.done(std::ssize(block.lines));
  }
}

LinePairs split_pairs(const LineBlock& block, std::string_view what) {
  LinePairs pairs;
  for (size_t i = 0; i < block.lines.size(); ++i) {
    const std::string& line = block.lines[i];
    const size_t tab = line.find('\t');
    if (tab == std::string::npos || line.find('\t', tab + 1) != std::string::npos) {
      fail(ErrorCode::bad_input, "{}: line {} has {}; each line must be {}", kName, block.number(i),
           tab == std::string::npos ? "no tab" : "more than one tab", what);
    }
    pairs.first.push_back(line.substr(0, tab));
    pairs.second.push_back(line.substr(tab + 1));
  }
  return pairs;
}

}  // namespace qkv
