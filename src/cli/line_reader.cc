#include "cli/line_reader.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/text_file.h"
#include "cli/program.h"

namespace qkv {
namespace {

constexpr size_t kReadBytes = size_t{1} << 16;
constexpr size_t kMaxLineBytes = size_t{16} << 20;
constexpr size_t kMaxBytesAtOnce = size_t{4} << 20;
constexpr int kLingerMilliseconds = 3;  // longer than the pause of a program that writes line after line, shorter than a person's
constexpr int kWakeMilliseconds = 200;  // delay until a signal that arrives just before poll() is noticed

}  // namespace

LineReader::LineReader(int file_descriptor, std::string name)
    : file_descriptor_(file_descriptor), name_(std::move(name)), reader_(file_descriptor, name_, program_cancellation()) {}

// Moves the next complete line out of the buffer; at the end of the file, the remaining text.
bool LineReader::take_line(std::vector<std::string>& lines) {
  const size_t end = buffer_.find('\n', scanned_);
  if (end == std::string::npos) {
    scanned_ = buffer_.size();
    if (buffer_.size() - begin_ > kMaxLineBytes) {
      fail(ErrorCode::bad_input, "{}: line {} is longer than {} MiB; is this text?", name_, lines_taken_ + 1, kMaxLineBytes >> 20);
    }
    if (!at_end_ || begin_ == buffer_.size()) return false;
    if (lines_taken_ == 0) check_is_text(name_, buffer_, TextShape::lines);
  }
  const size_t stop = std::min(end, buffer_.size());
  std::string& line = lines.emplace_back(buffer_, begin_, stop - begin_);
  if (line.ends_with('\r')) line.pop_back();
  begin_ = scanned_ = std::min(stop + 1, buffer_.size());
  ++lines_taken_;
  return true;
}

// Waits until input is available; returns false after `milliseconds`, if that is not negative.
bool LineReader::wait(int milliseconds) const {
  for (;;) {
    throw_if_interrupted();
    if (reader_.has_pending()) return true;
    pollfd request{file_descriptor_, POLLIN, 0};
    const int ready = poll(&request, 1, milliseconds < 0 ? kWakeMilliseconds : milliseconds);
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) fail(ErrorCode::io, "cannot read {}: {}", name_, std::strerror(errno));
    if (ready == 0 && milliseconds >= 0) return false;
  }
}

void LineReader::fill() {
  if (begin_ > 0) {
    buffer_.erase(0, begin_);
    scanned_ -= begin_;
    begin_ = 0;
  }
  const bool first = buffer_.empty() && lines_taken_ == 0;
  const size_t old = buffer_.size();
  buffer_.resize(old + kReadBytes);
  const size_t count = reader_.read(buffer_.data() + old, kReadBytes);
  buffer_.resize(old + count);
  if (count == 0) at_end_ = true;
  if (!first) return;
  check_is_text(name_, buffer_, TextShape::whole);
  buffer_.erase(0, byte_order_mark_size(buffer_));
}

std::vector<std::string> LineReader::next(size_t max_lines) {
  std::vector<std::string> lines;
  first_line_ = lines_taken_ + 1;
  size_t bytes = 0;
  while (lines.size() < max_lines && bytes < kMaxBytesAtOnce) {
    if (take_line(lines)) {
      bytes += lines.back().size();
      continue;
    }
    if (at_end_ || !wait(lines.empty() ? -1 : kLingerMilliseconds)) break;
    fill();
  }
  return lines;
}

}  // namespace qkv
