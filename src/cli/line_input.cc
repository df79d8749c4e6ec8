#include "cli/line_input.h"

#include <unistd.h>

#include "base/files.h"
#include "cli/program.h"

namespace qkv {
namespace {

constexpr size_t kMostLines = 16384, kMostBytes = size_t{8} << 20;  // limits of a block

}  // namespace

LineInput::LineInput(const std::string& path) : name_(path.empty() ? "standard input" : path), descriptor_(STDIN_FILENO) {
  if (!path.empty() && !is_read_once(path)) {
    file_ = TextSource(path).opened({.cancellation = program_cancellation()});
    return;
  }
  if (path.empty()) {
    check_input(STDIN_FILENO, name_);
  } else {
    descriptor_ = open_input(path);
  }
  reader_.emplace(descriptor_, name_);
}

LineInput::~LineInput() {
  if (descriptor_ > STDIN_FILENO) ::close(descriptor_);
}

bool LineInput::is_typed() const { return reader_ && ::isatty(descriptor_) == 1; }

std::vector<std::string_view> LineInput::next() {
  throw_if_interrupted();
  first_line_ += static_cast<int64_t>(lines_in_block_);
  std::vector<std::string_view> lines;
  if (reader_) {
    block_ = reader_->next(kMostLines);
    lines.assign(block_.begin(), block_.end());
  } else {
    if (position_ == 0) file_->check(TextShape::lines);
    const std::string_view text = file_->text();
    for (const size_t start = position_; position_ < text.size() && lines.size() < kMostLines && position_ - start < kMostBytes;) {
      lines.push_back(take_line(text, position_));
    }
  }
  lines_in_block_ = lines.size();
  return lines;
}

std::string_view LineInput::whole() {
  if (!file_) file_ = TextSource::read(descriptor_, name_, {.cancellation = program_cancellation()});
  return file_->text();
}

}  // namespace qkv
