#include "models/gguf/gguf_keys.h"

#include <algorithm>

#include "base/error.h"

namespace qkv {

using nlohmann::json;

const std::string& GgufKeys::asked(const std::string& key) {
  key_ = prefix_ + key;
  asked_.insert(key_);
  return key_;
}

std::optional<int64_t> GgufKeys::integer(const std::string& key) {
  const std::string& name = asked(key);
  if (!metadata_->is_array(name)) return metadata_->integer(name);
  const std::vector<int32_t> values = metadata_->integers(name);
  if (values.empty() || std::any_of(values.begin(), values.end(), [&](int32_t value) { return value != values[0]; })) {
    fail(ErrorCode::unsupported, "{}: \"{}\" differs between layers; only layers of one size are supported", file(), name);
  }
  return values[0];
}

std::optional<double> GgufKeys::number(const std::string& key) { return metadata_->number(asked(key)); }

std::optional<bool> GgufKeys::flag(const std::string& key) { return metadata_->boolean(asked(key)); }

std::vector<bool> GgufKeys::flags(const std::string& key) {
  const std::string& name = asked(key);
  return metadata_->is_array(name) ? metadata_->booleans(name) : std::vector<bool>();
}

std::optional<std::string> GgufKeys::text(const std::string& key) {
  const auto value = metadata_->string(asked(key));
  return value ? std::optional<std::string>(*value) : std::nullopt;
}

void GgufKeys::map_integer(const std::string& key, json& config, const char* name) {
  if (!writing()) {
    if (const auto value = integer(key)) config[name] = *value;
  } else if (config.contains(name) && config[name].is_number_integer()) {
    put(key, config[name].get<int64_t>());
  }
}

void GgufKeys::map_number(const std::string& key, json& config, const char* name) {
  if (!writing()) {
    if (const auto value = number(key)) config[name] = *value;
  } else if (config.contains(name) && config[name].is_number()) {
    put_number(key, config[name].get<double>());
  }
}

void GgufKeys::map_flag(const std::string& key, json& config, const char* name) {
  if (!writing()) {
    if (const auto value = flag(key)) config[name] = *value;
  } else if (config.contains(name) && config[name].is_boolean()) {
    put_flag(key, config[name].get<bool>());
  }
}

void GgufKeys::map_required(const std::string& key, json& config, const char* name) {
  if (!writing()) required(key);
  map_integer(key, config, name);
}

void GgufKeys::put(const std::string& key, int64_t value) { out_->integer(prefix_ + key, static_cast<uint32_t>(value)); }
void GgufKeys::put_number(const std::string& key, double value) { out_->number(prefix_ + key, static_cast<float>(value)); }
void GgufKeys::put_text(const std::string& key, std::string_view value) { out_->string(prefix_ + key, value); }
void GgufKeys::put_flag(const std::string& key, bool value) { out_->boolean(prefix_ + key, value); }
void GgufKeys::put_flags(const std::string& key, const std::vector<bool>& values) { out_->booleans(prefix_ + key, values); }

int64_t GgufKeys::required(const std::string& key) {
  const std::optional<int64_t> value = integer(key);
  if (!value) fail(ErrorCode::bad_input, "{}: there is no \"{}\"", file(), key_);
  return *value;
}

void GgufKeys::refuse(const std::string& key, std::string_view meaning) {
  if (!metadata_->has(prefix_ + key)) return;
  const std::optional<double> value = number(key);
  if (value && *value != 0) fail(ErrorCode::unsupported, "{}: \"{}\" asks for {}, which is not supported", file(), key_, meaning);
}

std::vector<std::string> GgufKeys::unread() const {
  std::vector<std::string> keys = metadata_->keys();
  std::erase_if(keys, [&](const std::string& key) { return !key.starts_with(prefix_) || asked_.contains(key); });
  return keys;
}

const StoredTensor* GgufKeys::tensor(const std::string& name) const {
  const auto found = tensors_->find(name);
  return found == tensors_->end() ? nullptr : &found->second;
}

int64_t GgufKeys::rows_of(const std::string& name) const {
  const StoredTensor* found = tensor(name);
  if (!found) fail(ErrorCode::bad_input, "{} has no tensor \"{}\"; is it a vocabulary alone?", file(), name);
  return found->shape[0];
}

}  // namespace qkv
