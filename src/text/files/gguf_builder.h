// GGUF files made by tests.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace qkv {

class GgufBuilder {
 public:
  static std::string u32(uint32_t value) { return number(value, 4); }
  static std::string u64(uint64_t value) { return number(value, 8); }
  static std::string text(std::string_view value) { return u64(value.size()) + std::string(value); }

  // `value`: the bytes behind the type's number.
  GgufBuilder& raw(std::string_view key, uint32_t type, std::string_view value) {
    body_ += text(key) + u32(type) + std::string(value);
    ++keys_;
    return *this;
  }
  GgufBuilder& string(std::string_view key, std::string_view value) { return raw(key, 8, text(value)); }
  GgufBuilder& boolean(std::string_view key, bool value) { return raw(key, 7, std::string(1, value ? 1 : 0)); }
  GgufBuilder& integer(std::string_view key, uint32_t value) { return raw(key, 4, u32(value)); }
  GgufBuilder& strings(std::string_view key, const std::vector<std::string>& values) {
    std::string all = u32(8) + u64(values.size());
    for (const std::string& value : values) all += text(value);
    return raw(key, 9, all);
  }
  GgufBuilder& floats(std::string_view key, const std::vector<float>& values) {
    std::string all = u32(6) + u64(values.size());
    for (const float value : values) all += u32(std::bit_cast<uint32_t>(value));
    return raw(key, 9, all);
  }
  GgufBuilder& integers(std::string_view key, const std::vector<int32_t>& values) {
    std::string all = u32(5) + u64(values.size());
    for (const int32_t value : values) all += u32(static_cast<uint32_t>(value));
    return raw(key, 9, all);
  }

  // `dimensions` as in the file, fastest first; `type`: ggml's number.
  GgufBuilder& tensor(std::string_view name, const std::vector<uint64_t>& dimensions, uint32_t type, uint64_t offset) {
    tensors_ += text(name) + u32(static_cast<uint32_t>(dimensions.size()));
    for (const uint64_t size : dimensions) tensors_ += u64(size);
    tensors_ += u32(type) + u64(offset);
    ++tensor_count_;
    return *this;
  }

  std::string build() const { return build_with_counts(tensor_count_, keys_); }
  std::string build_with_key_count(uint64_t keys) const { return build_with_counts(tensor_count_, keys); }
  std::string build_with_counts(uint64_t tensors, uint64_t keys) const {
    std::string file("GGUF");
    for (const std::string& part : {u32(3), u64(tensors), u64(keys), body_, tensors_}) file += part;
    return file;
  }
  // With `data` behind the list of tensors, at a multiple of 32.
  std::string build_with(std::string_view data) const {
    std::string file = build();
    file.resize((file.size() + 31) / 32 * 32);
    return file + std::string(data);
  }

 private:
  static std::string number(uint64_t value, int size) {
    std::string bytes;
    for (int i = 0; i < size; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
    return bytes;
  }

  std::string body_, tensors_;
  uint64_t keys_ = 0, tensor_count_ = 0;
};

}  // namespace qkv
