// Composes what precedes the values in a GGUF file: keys with typed values, and the list of tensors (formats/gguf.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace qkv {

class GgufWriter {
 public:
  static std::string u32(uint32_t value) { return number_of(value, 4); }
  static std::string u64(uint64_t value) { return number_of(value, 8); }
  static std::string text(std::string_view value) { return u64(value.size()) + std::string(value); }

  GgufWriter& string(std::string_view key, std::string_view value);
  GgufWriter& boolean(std::string_view key, bool value);
  GgufWriter& integer(std::string_view key, uint32_t value);
  GgufWriter& number(std::string_view key, float value);
  GgufWriter& strings(std::string_view key, const std::vector<std::string>& values);
  GgufWriter& floats(std::string_view key, const std::vector<float>& values);
  GgufWriter& integers(std::string_view key, const std::vector<int32_t>& values);
  GgufWriter& booleans(std::string_view key, const std::vector<bool>& values);
  GgufWriter& bytes(std::string_view key, std::string_view values);
  // `value`: the bytes behind the type's number.
  GgufWriter& raw(std::string_view key, uint32_t type, std::string_view value);
  GgufWriter& append(const GgufWriter& others);  // their keys
  // `dimensions` as in the file, fastest first; `type`: ggml's number; `offset`: from where the values of the first tensor begin.
  GgufWriter& tensor(std::string_view name, const std::vector<uint64_t>& dimensions, uint32_t type, uint64_t offset);

  // The file up to the list of tensors, with other numbers of tensors and keys than it has in the second form.
  std::string build() const { return build_with_counts(tensor_count_, keys_); }
  std::string build_with_counts(uint64_t tensors, uint64_t keys) const;
  // The whole file: `data` are the values, which begin at a multiple of kAlignment.
  std::string build_with(std::string_view data) const;

  static constexpr uint64_t kAlignment = 32;  // of a file that does not say another
  static uint64_t aligned(uint64_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

 private:
  static std::string number_of(uint64_t value, int size);
  template <typename Values, typename Bytes>
  GgufWriter& array(std::string_view key, uint32_t type, const Values& values, Bytes&& bytes);

  std::string body_, tensors_;
  uint64_t keys_ = 0, tensor_count_ = 0;
};

}  // namespace qkv
