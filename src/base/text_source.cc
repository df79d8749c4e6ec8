#include "base/text_source.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <system_error>
#include <utility>

#include "base/cancellation.h"
#include "base/error.h"
#include "base/log.h"
#include "base/unpacking_reader.h"

namespace qkv {

struct TextSource::Content {
  MappedFile file;
  size_t mark = 0;  // bytes of the file before the text
  std::vector<Part> parts;
};

namespace {

namespace fs = std::filesystem;

constexpr size_t kChunk = size_t{1} << 20;
constexpr size_t kTail = 256;  // longest ending that is recognized

// Owns an open file.
class OpenInput {
 public:
  explicit OpenInput(const fs::path& path) : fd_(open_input(path)) {}
  ~OpenInput() { ::close(fd_); }
  OpenInput(const OpenInput&) = delete;
  OpenInput& operator=(const OpenInput&) = delete;
  int get() const { return fd_; }
  bool is_terminal() const { return ::isatty(fd_) != 0; }

 private:
  int fd_;
};

void note_mark(const std::string& name) { log_info("{}: the byte-order mark at its beginning is left out", name); }

// Reads until the chunk is full or the content ends.
size_t read_chunk(UnpackingReader& reader, std::string& chunk) {
  chunk.resize(kChunk);
  size_t filled = 0;
  while (filled < chunk.size()) {
    const size_t got = reader.read(chunk.data() + filled, chunk.size() - filled);
    if (got == 0) break;
    filled += got;
  }
  chunk.resize(filled);
  return filled;
}

// Appends a file's content without its byte-order mark; returns its number of bytes.
size_t copy_file(TextSourceWriter& writer, int input, const std::string& name, const CancellationToken* cancellation) {
  UnpackingReader reader(input, name, cancellation);
  std::string chunk;
  size_t total = 0;
  while (read_chunk(reader, chunk) > 0) {
    std::string_view text = chunk;
    if (total == 0) {
      check_is_text(name, text, TextShape::whole);
      if (const size_t mark = byte_order_mark_size(text)) {
        note_mark(name);
        text.remove_prefix(mark);
      }
    }
    writer.append(text);
    total += text.size();
    if (text.empty()) break;  // nothing but a byte-order mark
  }
  return total;
}

// The plain file as it is; nullopt for one that must be copied.
std::optional<MappedFile> map_plain(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored) || fs::file_size(path, ignored) == 0) return std::nullopt;
  MappedFile file(path);
  if (is_packed(file.text())) return std::nullopt;
  return file;
}

// True for the name that a shell gave <(command) in an earlier process, if no such descriptor is open in this one.
bool is_closed_pipe(const fs::path& path) {
  std::error_code ignored;
  const std::string name = path.string();
  return (name.starts_with("/dev/fd/") || name.starts_with("/proc/self/fd/")) && !fs::exists(path, ignored);
}

}  // namespace

bool is_read_once(const fs::path& path) {
  std::error_code ignored;
  return is_closed_pipe(path) || (fs::exists(path, ignored) && !fs::is_regular_file(path, ignored) && !fs::is_directory(path, ignored));
}

std::string name_of_files(std::span<const fs::path> files) {
  if (files.empty()) return "";
  if (files.size() == 1) return files[0].string();
  if (files.size() == 2) return fmt::format("{} and {}", files[0].string(), files[1].string());
  return fmt::format("{} and {} more files", files[0].string(), files.size() - 1);
}

std::string_view take_line(std::string_view text, size_t& offset) {
  const size_t newline = std::min(text.find('\n', offset), text.size());
  std::string_view line = text.substr(offset, newline - offset);
  if (line.ends_with('\r')) line.remove_suffix(1);
  offset = std::min(newline + 1, text.size());
  return line;
}

TextSource TextSource::open(std::span<const fs::path> files, const TextSourceOptions& options) {
  const std::string name = name_of_files(files);
  const auto of_file = [&](MappedFile file, const std::string& part, bool kept) {
    auto content = std::make_shared<Content>();
    check_is_text(part, file.text(), TextShape::whole);
    content->mark = byte_order_mark_size(file.text());
    if (content->mark > 0) note_mark(part);
    content->parts = {{part, 0, file.size() - content->mark}};
    content->file = std::move(file);
    TextSource source;
    source.kept_ = kept;
    source.name_ = name;
    source.content_ = std::move(content);
    return source;
  };
  if (files.size() == 1) {
    if (std::optional<MappedFile> file = map_plain(files[0])) return of_file(std::move(*file), name, false);
  }
  for (const fs::path& path : files) {
    if (!is_read_once(path)) OpenInput{path};  // says what is missing before a directory is made for copies
  }
  const bool piped = std::any_of(files.begin(), files.end(), is_read_once);
  const bool keep = piped && !options.keep_as.empty();
  const fs::path kept = keep ? options.directory() / options.keep_as : fs::path();
  const bool reuse = keep && options.reuse_kept && is_file(kept);

  TextSourceWriter writer(options, reuse ? fs::path() : kept);
  size_t came = 0;  // through pipes
  for (const fs::path& path : files) {
    writer.end_with(options.between);
    writer.begin_part(path.string());
    if (reuse && is_closed_pipe(path)) continue;
    const OpenInput input(path);
    const bool once = is_read_once(path);
    const bool waits = reuse && once && input.is_terminal();
    const size_t size = waits ? 0 : copy_file(writer, input.get(), path.string(), options.cancellation);
    if (once) came += size;
    if (size > 0 || files.size() == 1) continue;
    if (!(reuse && once)) fail(ErrorCode::bad_input, "{} is empty; leave it out of the list", path.string());
  }
  if (reuse && came == 0) {
    log_info("{} is empty; going on with what was kept of it in {}", name, kept.string());
    return of_file(MappedFile(kept), name, true);
  }
  TextSource source = writer.finish(name);
  source.kept_ = keep;
  return source;
}

TextSourceWriter::TextSourceWriter(const TextSourceOptions& options, fs::path keep_as) : keep_as_(std::move(keep_as)) {
  if (options.directory) {
    directory_ = options.directory();
  } else {
    std::error_code ignored;
    directory_ = fs::temp_directory_path(ignored);
    if (directory_.empty()) directory_ = "/tmp";
  }
  std::string name = (keep_as_.empty() ? directory_ / "qkv-text" : keep_as_).string() + ".tmp-XXXXXX";
  fd_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd_ < 0) fail_to_write(errno);
  if (keep_as_.empty()) {
    ::unlink(name.c_str());
  } else {
    temporary_ = name;
  }
}

TextSourceWriter::~TextSourceWriter() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void TextSourceWriter::fail_to_write(int error) const {
  fail(ErrorCode::io, "cannot keep the text in {}: {}; {}", directory_.string(), std::generic_category().message(error),
       error == ENOSPC || error == EDQUOT ? "free some space there, or name another directory" : "name another directory");
}

void TextSourceWriter::append(std::string_view text) {
  if (text.empty()) return;
  buffer_ += text;
  size_ += text.size();
  tail_.append(text.substr(text.size() - std::min(text.size(), kTail)));
  if (tail_.size() > kTail) tail_.erase(0, tail_.size() - kTail);
  if (buffer_.size() >= kChunk) flush();
}

void TextSourceWriter::end_with(std::string_view ending) {
  if (size_ == 0) return;
  size_t there = std::min(ending.size(), tail_.size());
  while (!tail_.ends_with(ending.substr(0, there))) --there;
  append(ending.substr(there));
}

void TextSourceWriter::begin_part(std::string name) {
  if (!parts_.empty()) parts_.back().end = size_;
  parts_.push_back({std::move(name), size_, size_});
}

void TextSourceWriter::flush() {
  for (std::string_view rest = buffer_; !rest.empty();) {
    const ssize_t written = ::write(fd_, rest.data(), rest.size());
    if (written < 0 && errno != EINTR) fail_to_write(errno);
    if (written > 0) rest.remove_prefix(static_cast<size_t>(written));
  }
  buffer_.clear();
}

TextSource TextSourceWriter::finish(std::string name) {
  flush();
  if (parts_.empty()) begin_part(name);
  parts_.back().end = size_;
  auto content = std::make_shared<TextSource::Content>();
  if (!temporary_.empty()) {
    if (::fsync(fd_) != 0) fail_to_write(errno);
    if (::rename(temporary_.c_str(), keep_as_.c_str()) != 0) fail_to_write(errno);
    temporary_.clear();
  }
  content->file = MappedFile(fmt::format("/proc/self/fd/{}", fd_));
  content->parts = std::move(parts_);
  TextSource source;
  source.name_ = std::move(name);
  source.content_ = std::move(content);
  return source;
}

TextSource TextSource::read(int descriptor, const std::string& name, const TextSourceOptions& options) {
  TextSourceWriter writer(options);
  copy_file(writer, descriptor, name, options.cancellation);
  return writer.finish(name);
}

TextSource TextSource::opened(const TextSourceOptions& options) const { return content_ ? *this : open(std::span(&path_, 1), options); }
std::string_view TextSource::text() const { return content_->file.text().substr(content_->mark); }
std::span<const TextSource::Part> TextSource::parts() const { return content_->parts; }

void TextSource::check(TextShape shape) const {
  for (const Part& part : parts()) check_is_text(part.name, text_of(part), shape);
}

TextSource::Place TextSource::place(size_t offset) const {
  const auto behind = std::find_if(parts().begin(), parts().end(), [&](const Part& part) { return part.end > offset; });
  const Part& part = behind == parts().end() ? parts().back() : *behind;
  const std::string_view before = text().substr(part.begin, offset - part.begin);
  return {part.name, 1 + std::count(before.begin(), before.end(), '\n')};
}

void TextSource::release(size_t begin, size_t end) const { content_->file.release(content_->mark + begin, content_->mark + end); }

std::vector<std::string> read_lines(const fs::path& path) { return lines_of(TextSource(path).opened()); }

std::vector<std::string> lines_of(const TextSource& source) {
  source.check(TextShape::lines);
  const std::string_view text = source.text();
  std::vector<std::string> lines;
  lines.reserve(static_cast<size_t>(std::count(text.begin(), text.end(), '\n')) + 1);
  for (size_t offset = 0; offset < text.size();) lines.emplace_back(take_line(text, offset));
  return lines;
}

}  // namespace qkv
