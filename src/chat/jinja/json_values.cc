#include "chat/jinja/json_values.h"

#include <algorithm>

#include "base/error.h"
#include "formats/json.h"

namespace qkv::jinja {
namespace {

using nlohmann::json;

constexpr size_t kMaxDepth = 64;

class ValueBuilder final : public nlohmann::json_sax<json> {
 public:
  Value result;
  std::string refusal;  // why it stopped, other than syntax
  size_t error_position = 0;

  bool null() override { return add(None{}); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(static_cast<int64_t>(value)); }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<uint64_t>(INT64_MAX)) return refuse("has a whole number of more than 64 bits");
    return add(static_cast<int64_t>(value));
  }
  bool number_float(number_float_t value, const string_t& text) override {
    if (text.find_first_of(".eE") == std::string::npos) return refuse("has a whole number of more than 64 bits");
    return add(value);
  }
  bool string(string_t& value) override { return add(Value::text(std::move(value), nullptr)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(true); }
  bool start_array(std::size_t) override { return open(false); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    Level& level = stack_.back();
    if (level.dict.find(name)) return refuse(fmt::format("has the key \"{}\" twice in one object", shortened(name)));
    level.key = name;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    error_position = position;
    return false;
  }

 private:
  struct Level {
    bool object = false;
    Dict dict;
    std::vector<Value> items;
    std::string key;
  };

  bool refuse(std::string why) {
    refusal = std::move(why);
    return false;
  }
  bool add(Value value) {
    if (stack_.empty()) {
      result = std::move(value);
    } else if (stack_.back().object) {
      stack_.back().dict.set(stack_.back().key, std::move(value));
    } else {
      stack_.back().items.push_back(std::move(value));
    }
    return true;
  }
  bool open(bool object) {
    if (stack_.size() >= kMaxDepth) return refuse(fmt::format("nests deeper than {} levels", kMaxDepth));
    stack_.push_back({.object = object});
    return true;
  }
  bool close() {
    Level level = std::move(stack_.back());
    stack_.pop_back();
    return add(level.object ? Value::dict(std::move(level.dict), nullptr) : Value::list(std::move(level.items), nullptr));
  }

  std::vector<Level> stack_;
};

}  // namespace

Value parse_json_value(std::string_view text, const std::string& name) {
  ValueBuilder builder;
  if (json::sax_parse(text.begin(), text.end(), &builder)) return std::move(builder.result);
  if (!builder.refusal.empty()) fail(ErrorCode::bad_input, "{} {}", name, builder.refusal);
  const size_t end = std::min(builder.error_position, text.size());
  const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(end), '\n');
  fail(ErrorCode::bad_input, "{}: not valid JSON at line {}, byte {}", name, line, end);
}

}  // namespace qkv::jinja
