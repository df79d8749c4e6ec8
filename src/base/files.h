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

// Opens what read_input() reads; the caller closes it. check_input() is its check, for what is open: standard input, say.
int open_input(const std::filesystem::path& path);
void check_input(int fd, const std::string& name);

// Throws Error(io) where write_file_atomically() could not write: before the work of which the result could not be kept.
void check_can_write(const std::filesystem::path& path);

// The same for files in a directory, which may have to be made. `label` stands in front of the message: "--output out".
void check_can_write_in(const std::filesystem::path& directory, const std::string& label);

// Is anything there? What cannot be looked at is not.
bool is_there(const std::filesystem::path& path);
// Is it a regular file?
bool is_file(const std::filesystem::path& path);

// A directory that was made to be filled: an empty one, or a freshly mounted file system.
bool is_empty_directory(const std::filesystem::path& directory);

// Renames within a file system, as write_file_atomically() would have written: links and permissions of an old `path` stay.
void move_into_place(const std::filesystem::path& from, const std::filesystem::path& path);

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
