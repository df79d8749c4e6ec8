#include "formats/gguf_writer.h"

#include <bit>

#include "formats/gguf.h"

namespace qkv {
namespace {

using Type = GgufMetadata::Type;

uint32_t number_of_type(Type type) { return static_cast<uint32_t>(type); }

}  // namespace

std::string GgufWriter::number_of(uint64_t value, int size) {
  std::string bytes;
  for (int i = 0; i < size; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
  return bytes;
}

GgufWriter& GgufWriter::raw(std::string_view key, uint32_t type, std::string_view value) {
  body_.append(text(key)).append(u32(type)).append(value);
  ++keys_;
  return *this;
}

template <typename Values, typename Bytes>
GgufWriter& GgufWriter::array(std::string_view key, uint32_t type, const Values& values, Bytes&& bytes) {
  std::string all = u32(type) + u64(values.size());
  for (const auto& value : values) all.append(bytes(value));
  return raw(key, number_of_type(Type::array), all);
}

GgufWriter& GgufWriter::string(std::string_view key, std::string_view value) { return raw(key, number_of_type(Type::string), text(value)); }

GgufWriter& GgufWriter::boolean(std::string_view key, bool value) {
  return raw(key, number_of_type(Type::boolean), std::string(1, value ? 1 : 0));
}

GgufWriter& GgufWriter::integer(std::string_view key, uint32_t value) { return raw(key, number_of_type(Type::u32), u32(value)); }

GgufWriter& GgufWriter::number(std::string_view key, float value) {
  return raw(key, number_of_type(Type::f32), u32(std::bit_cast<uint32_t>(value)));
}

GgufWriter& GgufWriter::strings(std::string_view key, const std::vector<std::string>& values) {
  return array(key, number_of_type(Type::string), values, [](const std::string& value) { return text(value); });
}

GgufWriter& GgufWriter::floats(std::string_view key, const std::vector<float>& values) {
  return array(key, number_of_type(Type::f32), values, [](float value) { return u32(std::bit_cast<uint32_t>(value)); });
}

GgufWriter& GgufWriter::integers(std::string_view key, const std::vector<int32_t>& values) {
  return array(key, number_of_type(Type::i32), values, [](int32_t value) { return u32(static_cast<uint32_t>(value)); });
}

GgufWriter& GgufWriter::booleans(std::string_view key, const std::vector<bool>& values) {
  return array(key, number_of_type(Type::boolean), values, [](bool value) { return std::string(1, value ? 1 : 0); });
}

GgufWriter& GgufWriter::bytes(std::string_view key, std::string_view values) {
  return array(key, number_of_type(Type::u8), values, [](char value) { return std::string(1, value); });
}

GgufWriter& GgufWriter::append(const GgufWriter& others) {
  body_.append(others.body_);
  keys_ += others.keys_;
  return *this;
}

GgufWriter& GgufWriter::tensor(std::string_view name, const std::vector<uint64_t>& dimensions, uint32_t type, uint64_t offset) {
  tensors_.append(text(name)).append(u32(static_cast<uint32_t>(dimensions.size())));
  for (const uint64_t size : dimensions) tensors_.append(u64(size));
  tensors_.append(u32(type)).append(u64(offset));
  ++tensor_count_;
  return *this;
}

std::string GgufWriter::build_with_counts(uint64_t tensors, uint64_t keys) const {
  std::string file("GGUF");
  for (const std::string& part : {u32(3), u64(tensors), u64(keys), body_, tensors_}) file.append(part);
  return file;
}

std::string GgufWriter::build_with(std::string_view data) const {
  std::string file = build();
  file.resize(aligned(file.size()));
  return file.append(data);
}

}  // namespace qkv
