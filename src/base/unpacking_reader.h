// Bytes of a file, a pipe or a terminal; what is packed with gzip or zstd comes unpacked. The content tells, not the name.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "qkv/cancellation.h"

namespace qkv {

// True if the content begins as gzip or zstd files do.
bool is_packed(std::string_view content);

class UnpackingReader {
 public:
  // `descriptor` stays with the caller; `name` stands for it in messages. Nothing is read before read().
  UnpackingReader(int descriptor, std::string name, const CancellationToken* cancellation = nullptr);
  ~UnpackingReader();
  UnpackingReader(UnpackingReader&&) noexcept;

  // Waits for the next bytes, 1 to `size`; 0 at the end. Memory stays bounded whatever the content unpacks to (zstd: windows of at most
  // 128 MiB). Throws Error(bad_input) if packed content is damaged or ends too early, Error(io) if it cannot be read, and
  // Error(interrupted) if the token is cancelled while waiting.
  size_t read(char* data, size_t size);
  // True if read() has something to give without waiting.
  bool has_pending() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace qkv
