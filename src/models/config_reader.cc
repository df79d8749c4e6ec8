#include "models/config_reader.h"

#include <cmath>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/names.h"
#include "formats/json.h"
#include "formats/json_file.h"

namespace qkv {
namespace {

// For activations with several names the first one is written.
constexpr ChoiceName<Activation> kActivations[] = {
    {"relu", Activation::relu},           {"gelu", Activation::gelu},
    {"gelu_python", Activation::gelu},    {"gelu_new", Activation::gelu_tanh},
    {"silu", Activation::silu},           {"swish", Activation::silu},
    {"gelu_fast", Activation::gelu_tanh}, {"gelu_pytorch_tanh", Activation::gelu_tanh},
    {"tanh", Activation::tanh},           {"gelu_accurate", Activation::gelu_tanh},
};

bool fits(const nlohmann::json& value) {
  if (!value.is_number_integer()) return false;
  if (value.is_number_unsigned()) return value.get<uint64_t>() <= uint64_t{std::numeric_limits<int>::max()};
  return value.get<int64_t>() >= std::numeric_limits<int>::min() && value.get<int64_t>() <= std::numeric_limits<int>::max();
}

}  // namespace

ConfigReader::ConfigReader(const std::filesystem::path& path)
    : file_(path.string()), json_(std::make_unique<nlohmann::json>(read_json_object(path))) {}
ConfigReader::ConfigReader(std::string file, nlohmann::json json)
    : file_(std::move(file)), json_(std::make_unique<nlohmann::json>(std::move(json))) {}
ConfigReader::ConfigReader(ConfigReader&&) noexcept = default;
ConfigReader::~ConfigReader() = default;

bool ConfigReader::has(std::string_view key) const {
  asked_.emplace(key);
  const auto found = json_->find(key);
  return found != json_->end() && !found->is_null();
}

bool ConfigReader::given(std::string_view key) const {
  asked_.emplace(key);
  return json_->contains(key);
}
bool ConfigReader::empty() const { return json_->empty(); }

std::vector<std::string> ConfigReader::unread() const {
  std::vector<std::string> keys;
  for (const auto& [key, value] : json_->items()) {
    if (!asked_.contains(key)) keys.push_back(key);
  }
  return keys;
}

const nlohmann::json& ConfigReader::value(std::string_view key) const {
  if (!has(key)) fail(ErrorCode::bad_input, "{}: the key \"{}\" is missing", file_, key);
  return *json_->find(key);
}

void ConfigReader::fail_type(std::string_view key, std::string_view wanted) const {
  const nlohmann::json& json = value(key);
  const bool finite = !json.is_number_float() || std::isfinite(json.get<double>());
  const std::string found = finite ? json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) : "no finite number";
  fail(ErrorCode::bad_input, "{}: \"{}\" is {}; {} was expected", file_, key, shortened(found, 60), wanted);
}

ConfigReader ConfigReader::object(std::string_view key) const {
  if (!value(key).is_object()) fail_type(key, "an object");
  return {fmt::format("{}: \"{}\"", file_, key), value(key)};
}

int ConfigReader::integer(std::string_view key) const {
  if (!fits(value(key))) fail_type(key, "a whole number of 32 bits");
  return value(key).get<int>();
}

int ConfigReader::integer(std::string_view key, std::string_view alias, int fallback) const {
  if (has(key) && has(alias) && integer(key) != integer(alias)) {
    fail(ErrorCode::bad_input, "{}: \"{}\" is {}, \"{}\" is {}; they are two names of one number, remove the wrong one", file_, key,
         integer(key), alias, integer(alias));
  }
  return integer(has(key) ? key : alias, fallback);
}

float ConfigReader::number(std::string_view key, float fallback) const {
  if (!has(key)) return fallback;
  const nlohmann::json& found = value(key);
  if (!found.is_number() || !std::isfinite(found.get<float>())) fail_type(key, "a number");
  return found.get<float>();
}

std::vector<float> ConfigReader::numbers(std::string_view key) const {
  if (!has(key)) return {};
  std::vector<float> list;
  if (!value(key).is_array()) fail_type(key, "a list of numbers");
  for (const nlohmann::json& item : value(key)) {
    if (!item.is_number() || !std::isfinite(item.get<float>())) fail_type(key, "a list of numbers");
    list.push_back(item.get<float>());
  }
  return list;
}

bool ConfigReader::boolean(std::string_view key, bool fallback) const {
  if (!has(key)) return fallback;
  if (!value(key).is_boolean()) fail_type(key, "true or false");
  return value(key).get<bool>();
}

std::string ConfigReader::text(std::string_view key) const {
  if (!value(key).is_string()) fail_type(key, "a text");
  return value(key).get<std::string>();
}

bool ConfigReader::is_text(std::string_view key) const { return has(key) && value(key).is_string(); }

std::vector<std::string> ConfigReader::texts(std::string_view key) const {
  if (!has(key)) return {};
  std::vector<std::string> list;
  if (!value(key).is_array()) fail_type(key, "a list of texts");
  for (const nlohmann::json& item : value(key)) {
    if (!item.is_string()) fail_type(key, "a list of texts");
    list.push_back(item.get<std::string>());
  }
  return list;
}

std::vector<int32_t> ConfigReader::token_ids(std::string_view key) const {
  std::vector<int32_t> ids;
  if (!has(key)) return ids;
  const nlohmann::json& found = value(key);
  for (const nlohmann::json& id : found.is_array() ? found : nlohmann::json::array({found})) {
    if (!fits(id)) fail_type(key, "a token id or a list of them");
    if (id.get<int32_t>() >= 0) ids.push_back(id.get<int32_t>());
  }
  return ids;
}

std::optional<int> ConfigReader::token_id(std::string_view key) const {
  if (!has(key)) return std::nullopt;
  const std::vector<int32_t> ids = token_ids(key);
  if (ids.size() > 1 || (value(key).is_array() && value(key).size() != 1)) fail_type(key, "one token id");
  return ids.empty() ? -1 : ids.front();
}

std::vector<std::vector<int32_t>> ConfigReader::id_lists(std::string_view key) const {
  if (!has(key)) return {};
  std::vector<std::vector<int32_t>> lists;
  if (!value(key).is_array()) fail_type(key, "a list of token ids");
  for (const nlohmann::json& item : value(key)) {
    std::vector<int32_t>& list = lists.emplace_back();
    for (const nlohmann::json& id : item.is_array() ? item : nlohmann::json::array({item})) {
      if (!fits(id)) fail_type(key, "a list of token ids");
      list.push_back(id.get<int32_t>());
    }
  }
  return lists;
}

std::vector<std::string> ConfigReader::labels(std::string_view key) const {
  if (!has(key)) return {};
  const nlohmann::json& found = value(key);
  std::vector<std::string> list;
  while (found.is_object() && found.contains(std::to_string(list.size()))) {
    const nlohmann::json& label = found[std::to_string(list.size())];
    if (!label.is_string() && !label.is_number_integer()) break;
    list.push_back(label.is_string() ? label.get<std::string>() : label.dump());
  }
  if (!found.is_object() || list.size() != found.size()) fail_type(key, "a name for each of the numbers from 0 on");
  return list;
}

int ConfigReader::label_count() const {
  const auto names = static_cast<int>(labels("id2label").size());
  return integer("num_labels", names > 0 ? names : 2);
}

Activation ConfigReader::activation(std::string_view key) const { return activation_named(text(key), key); }

Activation ConfigReader::activation_named(std::string_view name, std::string_view key) const {
  if (const Activation* found = find_choice(kActivations, name)) return *found;
  fail(ErrorCode::unsupported, "{}: \"{}\" is the activation \"{}\"; there are {}", file_, key, shortened(name, 60),
       list_of_names(kActivations));
}

void ConfigReader::expect(std::string_view key, bool value, std::string_view meaning) const {
  if (boolean(key, value) != value)
    fail(ErrorCode::unsupported, "{}: \"{}\" is {}, which asks for {}; such models are not supported", file_, key, !value, meaning);
}

std::string_view activation_name(Activation activation) {
  const std::string_view name = name_of_choice(kActivations, activation);
  if (name.empty()) {
    fail(ErrorCode::unsupported,
         "transformers has no name for a feed-forward layer without activation; choose relu, gelu, gelu_tanh or silu");
  }
  return name;
}

}  // namespace qkv
