// Reads a GGUF file front to back and never beyond its end; used by the readers of its metadata and of its tensors.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace qkv {

class GgufCursor {
 public:
  GgufCursor(std::string_view bytes, const std::string& file, size_t at) : bytes_(bytes), file_(file), at_(at) {}

  size_t at() const { return at_; }
  size_t left() const { return bytes_.size() - at_; }
  std::string context;  // for messages: what is being read

  uint64_t number(size_t size) {
    require(size);
    uint64_t value = 0;
    for (size_t i = 0; i < size; ++i) value |= static_cast<uint64_t>(static_cast<unsigned char>(bytes_[at_ + i])) << (8 * i);
    at_ += size;
    return value;
  }
  std::string_view string() {
    const uint64_t size = number(8);
    require(size);
    const std::string_view text = bytes_.substr(at_, size);
    at_ += size;
    return text;
  }
  void skip(size_t size) {
    require(size);
    at_ += size;
  }
  [[noreturn]] void damaged(const std::string& what) const {
    fail(ErrorCode::bad_input, "{}: at byte {}: {} {}; the file is damaged or was cut", file_, at_, context, what);
  }

 private:
  void require(uint64_t size) const {
    if (size > left()) damaged(fmt::format("needs {} bytes, but the file ends after {}", size, left()));
  }

  std::string_view bytes_;
  const std::string& file_;
  size_t at_;
};

}  // namespace qkv
