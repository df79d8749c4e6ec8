// Open files: their owner, and what opening and writing have in common.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

namespace qkv {

// Owns an open file and closes it.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

// A descriptor, closed in other programs; below 0, with errno, if the file cannot be opened.
int open_again_if_interrupted(const std::filesystem::path& path, int flags, mode_t mode = 0);

// Throws Error(io) with the system's message and advice.
[[noreturn]] void fail_to_write(const std::filesystem::path& path, int error);

}  // namespace qkv
