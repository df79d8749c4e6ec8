#include "cli/line_input.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/error.h"
#include "base/text_file.h"
#include "cli/program.h"

namespace qkv {
namespace {

constexpr size_t kMostLines = 16384, kMostBytes = size_t{8} << 20;  // limits of a block

std::string_view whole_text(const std::string& name, std::string_view content) {
  check_is_text(name, content, TextShape::whole);
  return content.substr(byte_order_mark_size(content));
}

}  // namespace

LineInput::LineInput(const std::string& path) : name_(path.empty() ? "standard input" : path), descriptor_(STDIN_FILENO) {
  std::error_code ignored;
  if (std::filesystem::is_regular_file(path, ignored) && std::filesystem::file_size(path, ignored) > 0) {
    file_ = MappedFile(path);
    position_ = byte_order_mark_size(file_.text());
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
  if (!reader_ && position_ <= byte_order_mark_size(file_.text())) check_is_text(name_, file_.text(), TextShape::lines);
  std::vector<std::string_view> lines;
  if (reader_) {
    block_ = reader_->next(kMostLines);
    lines.assign(block_.begin(), block_.end());
  }
  const std::string_view text = file_.text();
  for (const size_t start = position_; position_ < text.size() && lines.size() < kMostLines && position_ - start < kMostBytes;) {
    const size_t end = std::min(text.find('\n', position_), text.size());
    lines.push_back(text.substr(position_, end - position_));
    if (lines.back().ends_with('\r')) lines.back().remove_suffix(1);
    position_ = end + 1;
  }
  lines_in_block_ = lines.size();
  return lines;
}

std::string_view LineInput::whole() {
  if (!reader_) return whole_text(name_, file_.text());
  constexpr size_t kReadBytes = size_t{1} << 16;
  while (true) {
    const size_t before = text_.size();
    text_.resize(before + kReadBytes);
    const ssize_t got = ::read(descriptor_, text_.data() + before, kReadBytes);
    text_.resize(before + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) return whole_text(name_, text_);
    throw_if_interrupted();
    if (got < 0 && errno != EINTR) fail(ErrorCode::io, "cannot read {}: {}", name_, std::generic_category().message(errno));
  }
}

}  // namespace qkv
