// Named tensors of a file in any format: what the reader of a format returns once it has checked the file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "tensor/tensor.h"

namespace qkv {

// Describes where a tensor's values lie. Everything that shape and strides reach is inside the file: readers check this.
struct StoredTensor {
  std::string dtype;           // "F32", "BF16", "I8", … as in safetensors; "Q8_0", "Q4_0" as in GGUF
  Shape shape;                 // no dimension is negative
  Shape strides;               // in elements; empty: row-major without gaps
  const char* data = nullptr;  // the first element; at any address
  int64_t bytes = 0;           // from `data` to the end of the last element
  Shape split_shape = {};      // what the strides describe: `shape` with dimensions split in two; empty: `shape` itself
};

// Number of values of a shape; -1 if it overflows. Dimensions must not be negative.
int64_t count_values(const Shape& shape);

// Copies the values into `out` (same shape), converted to its type. f32, f64 and bf16 can be read from every plain type of numbers, i32
// only from I32. Returns false if there is no such conversion.
bool read_values(const StoredTensor& from, const Tensor& out);

class TensorFile {
 public:
  using Entries = std::map<std::string, StoredTensor>;
  using Metadata = std::map<std::string, std::string>;

  TensorFile(std::filesystem::path path, MappedFile mapping, Entries entries, Metadata metadata = {});

  const std::filesystem::path& path() const { return path_; }
  const Entries& entries() const { return entries_; }
  const Metadata& metadata() const { return metadata_; }
  // Copies the values into `out`, converted to its type; the shapes must be equal.
  void read(const std::string& name, const Tensor& out) const;
  // Releases the memory of a tensor's pages, so that a file whose values have been copied does not count as memory in use.
  void release(const StoredTensor& tensor) const;

  // The same file with other names or views of its tensors: formats with names of their own.
  TensorFile with_entries(Entries entries) &&;
  // Keeps memory that entries refer to, such as unpacked members of an archive.
  std::string_view keep(std::string bytes) { return *unpacked_.emplace_back(std::make_unique<std::string>(std::move(bytes))); }

 private:
  std::filesystem::path path_;
  MappedFile mapping_;
  Entries entries_;
  Metadata metadata_;
  std::vector<std::unique_ptr<std::string>> unpacked_;
};

}  // namespace qkv
