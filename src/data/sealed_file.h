// A file of derived data: written in one pass of any length, mapped, and checked before anything in it is believed.
//
//   magic    8 bytes: the format and its version
//   content
//   footer   what the file was made from, some numbers, and the checksum of everything before it
//
// Numbers are in the machine's own order of bytes; the file is a cache, not a format to exchange.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/files.h"

namespace qkv {

class SealedFile {
 public:
  using Numbers = std::array<int64_t, 4>;  // what the content's format wants to keep
  using Append = std::function<void(const void*, size_t)>;

  class Writer {
   public:
    Writer(std::string_view magic, const Append& append);
    void put(const void* data, size_t size);
    void align(size_t bytes);  // zeros up to a multiple of `bytes`
    uint64_t offset() const { return offset_; }
    void finish(uint64_t fingerprint, const Numbers& numbers);

   private:
    void flush_block(bool all);
    const Append& append_;
    std::string buffer_;  // not yet appended, so that checksums are of whole blocks
    uint64_t offset_ = 0, checksum_ = 0;
  };

  enum class State { good, missing, stale, damaged };
  // Opens a file of this magic that was written with this fingerprint; `file` is changed where the state is good only.
  static State open(const std::filesystem::path& path, std::string_view magic, uint64_t fingerprint, SealedFile& file);

  const char* data() const { return file_.data(); }
  size_t content_end() const { return content_end_; }  // offset; the content begins behind the magic
  const Numbers& numbers() const { return numbers_; }
  void release(size_t begin, size_t end) const { file_.release(begin, end); }

 private:
  MappedFile file_;
  size_t content_end_ = 0;
  Numbers numbers_{};
};

// Opens the cache that lies at `path`; where it is not good, makes it first.
void open_or_make(const std::filesystem::path& path, const std::function<SealedFile::State()>& open, const std::function<void()>& make);

}  // namespace qkv
