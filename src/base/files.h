// Reading, mapping and writing files so that a reader or a crash never sees half of one. Every failure is one line with the path and the
// system's message.
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
  // Releases the memory of bytes [begin, end); it is read from the file again on the next access.
  void release(size_t begin, size_t end) const;

 private:
  const char* data_ = nullptr;
  size_t size_ = 0;
  int guard_ = -1;  // base/shortened_files.h
};

// Reads a regular file. Pipes and devices are rejected at once because they may never end.
std::string read_file(const std::filesystem::path& path);

// Reads an input file named by the user, which may also be a pipe, as from process substitution, or a terminal.
std::string read_input(const std::filesystem::path& path);

// Opens what read_input() reads; the caller closes it. check_input() does its check for open files such as standard input.
int open_input(const std::filesystem::path& path);
void check_input(int fd, const std::string& name);

// Throws Error(io) if write_file_atomically() could not write; call it before work whose result would be lost.
void check_can_write(const std::filesystem::path& path);

// As check_can_write(), for files in a directory that may have to be made. `label` is put in front of the message: "--output out".
void check_can_write_in(const std::filesystem::path& directory, const std::string& label);

// True if anything is at the path; false where it cannot be looked at.
bool is_there(const std::filesystem::path& path);
// True for a regular file.
bool is_file(const std::filesystem::path& path);

// True for a directory that was made to be filled: an empty one, or a freshly mounted file system.
bool is_empty_directory(const std::filesystem::path& directory);

// Renames within a file system with the effects of write_file_atomically(): links and permissions of an old `path` stay.
void move_into_place(const std::filesystem::path& from, const std::filesystem::path& path);

// Writes under a temporary name beside `path`, syncs, and renames: readers see the old content or the new one, never a part. Permissions of
// an existing file are kept.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

// As above, for content made piece by piece: `write` receives a function that appends bytes.
void write_file_atomically(const std::filesystem::path& path,
                           const std::function<void(const std::function<void(const void*, size_t)>& append)>& write);

// Syncs a directory, so that renames in it survive a crash.
void sync_directory(const std::filesystem::path& path);

// Lines of a text file (or a pipe) without line ends (\n or \r\n) and byte-order mark; the last line needs no end. Throws Error(bad_input)
// if it is no text file (base/text_file.h).
std::vector<std::string> read_lines(const std::filesystem::path& path);

}  // namespace qkv
