#include "formats/gguf.h"

#include <algorithm>
#include <bit>

#include "base/error.h"
#include "formats/gguf_cursor.h"

namespace qkv {

std::vector<std::string> GgufMetadata::keys() const {
  std::vector<std::string> keys;
  for (const auto& [key, value] : values_) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  return keys;
}

bool GgufMetadata::is_array(const std::string& key) const {
  const auto found = values_.find(key);
  return found != values_.end() && found->second.array;
}

size_t GgufMetadata::size_of(Type type) {
  switch (type) {
    case Type::u8:
    case Type::i8:
    case Type::boolean: return 1;
    case Type::u16:
    case Type::i16: return 2;
    case Type::u32:
    case Type::i32:
    case Type::f32: return 4;
    case Type::u64:
    case Type::i64:
    case Type::f64: return 8;
    default: return 0;
  }
}

class GgufMetadata::Reader : public GgufCursor {
 public:
  using GgufCursor::GgufCursor;

  Type type() {
    const uint64_t type = number(4);
    if (type > static_cast<uint64_t>(Type::f64)) damaged(fmt::format("has the unknown type {}", type));
    return static_cast<Type>(type);
  }
  void skip_values(Type type, uint64_t count, int depth) {
    if (const size_t size = size_of(type); size > 0) {
      if (count > left() / size) damaged(fmt::format("says that it has {} elements, more than the file holds", count));
      return skip(count * size);
    }
    for (uint64_t i = 0; i < count; ++i) {
      if (type == Type::string) {
        string();
      } else {
        if (depth == 0) damaged("nests arrays too deeply");
        const Type inner = this->type();
        const uint64_t inner_count = number(8);
        skip_values(inner, inner_count, depth - 1);
      }
    }
  }
};

GgufMetadata::GgufMetadata(std::string_view bytes, std::string file) : bytes_(bytes), file_(std::move(file)) {
  if (!is_gguf(bytes)) fail(ErrorCode::bad_input, "{}: not a GGUF file: it does not begin with \"GGUF\"", file_);
  Reader in(bytes, file_, 4);
  in.context = "the header";
  const uint64_t version = in.number(4);
  if (version != 2 && version != 3) {
    fail(ErrorCode::unsupported, "{}: is of version {} of GGUF{}; qkv reads 2 and 3", file_, version,
         version > 0xFFFF ? " (or its bytes are in big-endian order)" : "");
  }
  tensor_count_ = in.number(8);
  const uint64_t keys = in.number(8);
  for (uint64_t i = 0; i < keys; ++i) {
    in.context = fmt::format("the name of key {} of {}", i + 1, keys);
    const std::string_view name = in.string();
    if (name.size() > 65'535) in.damaged(fmt::format("has {} bytes, more than GGUF allows", name.size()));
    in.context = fmt::format("the value of \"{}\"", shortened(name));
    Value value{in.type(), false, 1, 0};
    if (value.type == Type::array) {
      value.array = true;
      value.type = in.type();
      value.count = in.number(8);
    }
    value.begin = in.at();
    in.skip_values(value.type, value.count, 4);
    if (!values_.emplace(name, value).second) in.damaged("comes a second time");
  }
  end_ = in.at();
}

void GgufMetadata::wrong_type(const std::string& key, const char* wanted) const {
  fail(ErrorCode::bad_input, "{}: the value of \"{}\" is not {}", file_, key, wanted);
}

const GgufMetadata::Value* GgufMetadata::find(const std::string& key, bool array) const {
  const auto found = values_.find(key);
  if (found == values_.end()) return nullptr;
  if (found->second.array != array) wrong_type(key, array ? "an array" : "a single value");
  return &found->second;
}

std::optional<std::string_view> GgufMetadata::string(const std::string& key) const {
  const Value* value = find(key, false);
  if (!value) return std::nullopt;
  if (value->type != Type::string) wrong_type(key, "a string");
  return Reader(bytes_, file_, value->begin).string();
}

std::optional<bool> GgufMetadata::boolean(const std::string& key) const {
  const Value* value = find(key, false);
  if (!value) return std::nullopt;
  if (value->type != Type::boolean) wrong_type(key, "true or false");
  return bytes_[value->begin] != 0;
}

std::optional<int64_t> GgufMetadata::integer(const std::string& key) const {
  const Value* value = find(key, false);
  if (!value) return std::nullopt;
  const bool is_integer = value->type != Type::f32 && value->type != Type::f64 && value->type != Type::boolean && size_of(value->type) > 0;
  if (!is_integer) wrong_type(key, "an integer");
  return integer_at(*value, value->begin);
}

int64_t GgufMetadata::integer_at(const Value& value, size_t at) const {
  const uint64_t bits = Reader(bytes_, file_, at).number(size_of(value.type));
  switch (value.type) {
    case Type::i8: return static_cast<int8_t>(bits);
    case Type::i16: return static_cast<int16_t>(bits);
    case Type::i32: return static_cast<int32_t>(bits);
    default: return static_cast<int64_t>(bits);
  }
}

std::optional<double> GgufMetadata::number(const std::string& key) const {
  const Value* value = find(key, false);
  if (!value) return std::nullopt;
  Reader in(bytes_, file_, value->begin);
  if (value->type == Type::f32) return std::bit_cast<float>(static_cast<uint32_t>(in.number(4)));
  if (value->type == Type::f64) return std::bit_cast<double>(in.number(8));
  if (value->type == Type::boolean || value->type == Type::string) wrong_type(key, "a number");
  return static_cast<double>(integer_at(*value, value->begin));
}

std::vector<std::string_view> GgufMetadata::strings(const std::string& key) const {
  std::vector<std::string_view> result;
  const Value* value = find(key, true);
  if (!value) return result;
  if (value->type != Type::string) wrong_type(key, "an array of strings");
  Reader in(bytes_, file_, value->begin);
  for (uint64_t i = 0; i < value->count; ++i) result.push_back(in.string());
  return result;
}

std::vector<float> GgufMetadata::floats(const std::string& key) const {
  std::vector<float> result;
  const Value* value = find(key, true);
  if (!value) return result;
  if (value->type != Type::f32) wrong_type(key, "an array of f32");
  Reader in(bytes_, file_, value->begin);
  for (uint64_t i = 0; i < value->count; ++i) result.push_back(std::bit_cast<float>(static_cast<uint32_t>(in.number(4))));
  return result;
}

std::vector<int32_t> GgufMetadata::integers(const std::string& key) const {
  std::vector<int32_t> result;
  const Value* value = find(key, true);
  if (!value) return result;
  if (value->type != Type::i32 && value->type != Type::u32) wrong_type(key, "an array of 32 bit integers");
  for (uint64_t i = 0; i < value->count; ++i) result.push_back(static_cast<int32_t>(integer_at(*value, value->begin + 4 * i)));
  return result;
}

std::vector<bool> GgufMetadata::booleans(const std::string& key) const {
  std::vector<bool> result;
  const Value* value = find(key, true);
  if (!value) return result;
  if (value->type != Type::boolean) wrong_type(key, "an array of true and false");
  for (uint64_t i = 0; i < value->count; ++i) result.push_back(bytes_[value->begin + i] != 0);
  return result;
}

std::string_view GgufMetadata::raw_bytes(const std::string& key) const {
  const Value* value = find(key, true);
  if (!value) return {};
  if (value->type != Type::u8 && value->type != Type::i8) wrong_type(key, "an array of bytes");
  return bytes_.substr(value->begin, value->count);
}

}  // namespace qkv
