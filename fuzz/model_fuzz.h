// What the targets for a model's files share: files in memory, and values that are read from them.
#pragma once

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>

#include "fuzz/fuzz.h"
#include "io/tensor_file.h"

namespace qkv {

// A file that lies in memory.
class FuzzFile {
 public:
  FuzzFile(const uint8_t* data, size_t size) : fd_(::memfd_create("fuzz", 0)) {
    if (fd_ < 0 || ::write(fd_, data, size) != static_cast<ssize_t>(size)) std::abort();
  }
  ~FuzzFile() { ::close(fd_); }
  FuzzFile(const FuzzFile&) = delete;
  FuzzFile& operator=(const FuzzFile&) = delete;
  std::filesystem::path path() const { return fmt::format("/proc/self/fd/{}", fd_); }

 private:
  int fd_;
};

// Reads every tensor of numbers. Together they have at most `most_bytes`.
inline void read_all(const TensorFile& file, int64_t most_bytes) {
  int64_t bytes = 0;
  for (const auto& [name, stored] : file.entries()) {
    const int64_t count = count_values(stored.shape);
    if (count < 0 || count > most_bytes - bytes) std::abort();
    bytes += count;
    read_values(stored, Tensor::empty(stored.shape, DType::f32));
  }
}

}  // namespace qkv
