// The metadata of a GGUF file (github.com/ggml-org/ggml, docs/gguf.md): a list of keys with typed values. Its tensors are
// read by gguf_tensors.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace qkv {

class GgufMetadata {
 public:
  // Types of values, by the numbers in a file.
  enum class Type : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };

  // `bytes` must outlive the object. Reads everything before the tensors, in time and memory linear in that. Throws Error(bad_input) that
  // names `file`, the place and the key for damage, Error(unsupported) for versions other than 2 and 3.
  GgufMetadata(std::string_view bytes, std::string file);

  static bool is_gguf(std::string_view bytes) { return bytes.starts_with("GGUF"); }
  const std::string& file() const { return file_; }
  std::string_view bytes() const { return bytes_; }        // the whole file
  uint64_t tensor_count() const { return tensor_count_; }  // as the header says
  size_t end() const { return end_; }                      // where the list of tensors begins
  std::vector<std::string> keys() const;                   // sorted
  bool is_array(const std::string& key) const;
  bool has(const std::string& key) const { return values_.contains(key); }

  // The value of a key: nothing if it is missing, Error(bad_input) if it has another type. Integers of any width are accepted.
  std::optional<std::string_view> string(const std::string& key) const;
  std::optional<bool> boolean(const std::string& key) const;
  std::optional<int64_t> integer(const std::string& key) const;
  std::optional<double> number(const std::string& key) const;  // f32, f64 or an integer
  // Arrays; empty if the key is missing.
  std::vector<std::string_view> strings(const std::string& key) const;  // views of the file
  std::vector<float> floats(const std::string& key) const;
  std::vector<int32_t> integers(const std::string& key) const;
  std::vector<bool> booleans(const std::string& key) const;
  std::string_view raw_bytes(const std::string& key) const;  // of an array of 8 bit integers

 private:
  struct Value {
    Type type;  // for an array: of its elements
    bool array;
    uint64_t count;  // number of elements
    size_t begin;    // offset of the elements
  };
  class Reader;

  const Value* find(const std::string& key, bool array) const;
  [[noreturn]] void wrong_type(const std::string& key, const char* wanted) const;
  int64_t integer_at(const Value& value, size_t at) const;
  static size_t size_of(Type type);  // 0: variable

  std::string_view bytes_;
  std::string file_;
  std::unordered_map<std::string, Value> values_;
  uint64_t tensor_count_ = 0;
  size_t end_ = 0;
};

}  // namespace qkv
