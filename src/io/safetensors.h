// The safetensors format: 8 bytes of header length, a JSON header, then the tensors' bytes.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tensor/tensor.h"

namespace qkv {

// A file opened for reading. The whole header is checked before anything is allocated: length, JSON, known types, shapes that fit their
// byte ranges, ranges inside the file without gaps or overlaps, no duplicate keys. The file stays mapped for the lifetime of the reader.
class SafetensorsReader {
 public:
  explicit SafetensorsReader(const std::filesystem::path& path);
  ~SafetensorsReader();

  struct Entry {
    Shape shape;
    std::string dtype;  // as in the file: "F32", "BF16", "F16", …
    int64_t begin = 0, bytes = 0;
  };
  const std::map<std::string, Entry>& entries() const;
  const std::map<std::string, std::string>& metadata() const;
  // Copies the values into `out`, converted to its type; the shapes must be equal.
  void read(const std::string& name, const Tensor& out) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Writes tensors (f32, bf16, f64, i32) in the given order. The write is atomic: temporary name, sync, rename.
void write_safetensors(const std::filesystem::path& path, const std::vector<std::pair<std::string, Tensor>>& tensors,
                       const std::map<std::string, std::string>& metadata = {{"format", "pt"}});

}  // namespace qkv
