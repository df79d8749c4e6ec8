// Reading, mapping and writing files so that a reader or a crash never sees half of one. Every failure is one line that names
// the path and what the system said.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace qkv {

// A file mapped read-only.
class MappedFile {
 public:
  MappedFile() = default;
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  const char* data() const { return data_; }
  size_t size() const { return size_; }
  std::string_view text() const { return {data_, size_}; }
  // Gives the memory of bytes [begin, end) back to the system; it is read from the file again when it is touched.
  void release(size_t begin, size_t end) const;

 private:
  const char* data_ = nullptr;
  size_t size_ = 0;
  int guard_ = -1;  // base/shortened_files.h
};

// A regular file. A pipe or a device is refused at once: it may never end.
std::string read_file(const std::filesystem::path& path);

// What somebody names as input may also be a pipe, as process substitution makes them, or a terminal.
std::string read_input(const std::filesystem::path& path);

// Writes under a temporary name beside `path`, syncs, and renames: the old content or the new one, never a part. A file that was there
// hands its permissions on.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

// The same for content made piece by piece: `write` gets a function that appends bytes.
void write_file_atomically(const std::filesystem::path& path,
                           const std::function<void(const std::function<void(const void*, size_t)>& append)>& write);

// fsync of a directory, so that renames in it survive a crash.
void sync_directory(const std::filesystem::path& path);

// Lines of a text file (or a pipe) without their line ends (\n or \r\n) and its byte-order mark; the last line needs no end. Throws
// Error(bad_input) for what is no text file (base/text_file.h).
std::vector<std::string> read_lines(const std::filesystem::path& path);

}  // namespace qkv
