#include "models/gguf/gguf_keys.h"

#include <algorithm>

#include "base/error.h"

namespace qkv {

const std::string& GgufKeys::asked(const std::string& key) {
  key_ = prefix_ + key;
  asked_.insert(key_);
  return key_;
}

std::optional<int64_t> GgufKeys::integer(const std::string& key) {
  const std::string& name = asked(key);
  if (!metadata_.is_array(name)) return metadata_.integer(name);
  const std::vector<int32_t> values = metadata_.integers(name);
  if (values.empty() || std::any_of(values.begin(), values.end(), [&](int32_t value) { return value != values[0]; })) {
    fail(ErrorCode::unsupported, "{}: \"{}\" differs between layers; only layers of one size are supported", file(), name);
  }
  return values[0];
}

std::optional<double> GgufKeys::number(const std::string& key) { return metadata_.number(asked(key)); }

std::optional<std::string> GgufKeys::text(const std::string& key) {
  const auto value = metadata_.string(asked(key));
  return value ? std::optional<std::string>(*value) : std::nullopt;
}

int64_t GgufKeys::required(const std::string& key) {
  const std::optional<int64_t> value = integer(key);
  if (!value) fail(ErrorCode::bad_input, "{}: there is no \"{}\"", file(), key_);
  return *value;
}

void GgufKeys::refuse(const std::string& key, std::string_view meaning) {
  if (!metadata_.has(prefix_ + key)) return;
  const std::optional<double> value = number(key);
  if (value && *value != 0) fail(ErrorCode::unsupported, "{}: \"{}\" asks for {}, which is not supported", file(), key_, meaning);
}

std::vector<std::string> GgufKeys::unread() const {
  std::vector<std::string> keys = metadata_.keys();
  std::erase_if(keys, [&](const std::string& key) { return !key.starts_with(prefix_) || asked_.contains(key); });
  return keys;
}

const StoredTensor* GgufKeys::tensor(const std::string& name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

int64_t GgufKeys::rows_of(const std::string& name) const {
  const StoredTensor* found = tensor(name);
  if (!found) fail(ErrorCode::bad_input, "{} has no tensor \"{}\"; is it a vocabulary alone?", file(), name);
  return found->shape[0];
}

}  // namespace qkv
