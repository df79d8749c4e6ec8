#include "formats/json_node.h"

#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"
#include "formats/json.h"

namespace qkv {
namespace {

using nlohmann::json;

constexpr size_t kMaxDepth = 64;

// Builds the value; unlike json::parse it rejects duplicate keys and limits the depth (readers of the value recurse).
class StrictBuilder final : public nlohmann::json_sax<json> {
 public:
  json result;
  std::string refusal;        // why it stopped, other than syntax
  size_t error_position = 0;  // in bytes
  std::string syntax_error;

  bool null() override { return add(json(nullptr)); }
  bool boolean(bool value) override { return add(json(value)); }
  bool number_integer(number_integer_t value) override { return add(json(value)); }
  bool number_unsigned(number_unsigned_t value) override { return add(json(value)); }
  bool number_float(number_float_t value, const string_t&) override { return add(json(value)); }
  bool string(string_t& value) override { return add(json(std::move(value))); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(json::object()); }
  bool start_array(std::size_t) override { return open(json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    const auto [place, fresh] = stack_.back()->get_ref<json::object_t&>().emplace(name, nullptr);
    if (!fresh) {
      refusal = fmt::format("has the key \"{}\" twice in one object", shortened(name));
      return false;
    }
    slot_ = &place->second;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    error_position = position;
    syntax_error = error.what();
    return false;
  }

 private:
  json* place(json&& value) {
    if (stack_.empty()) {
      result = std::move(value);
      return &result;
    }
    if (stack_.back()->is_array()) {
      auto& array = stack_.back()->get_ref<json::array_t&>();
      array.push_back(std::move(value));
      return &array.back();
    }
    *slot_ = std::move(value);
    return slot_;
  }
  bool add(json&& value) {
    place(std::move(value));
    return true;
  }
  bool open(json&& value) {
    if (stack_.size() >= kMaxDepth) {
      refusal = fmt::format("nests deeper than {} levels", kMaxDepth);
      return false;
    }
    stack_.push_back(place(std::move(value)));
    return true;
  }
  bool close() {
    stack_.pop_back();
    return true;
  }

  std::vector<json*> stack_;  // open arrays and objects; an open one's children do not move
  json* slot_ = nullptr;      // the destination of the last key's value
};

}  // namespace

json parse_json(std::string_view text, const std::string& file) {
  StrictBuilder builder;
  if (json::sax_parse(text.begin(), text.end(), &builder)) return std::move(builder.result);
  if (!builder.refusal.empty()) fail(ErrorCode::bad_input, "{}: {}; refused", file, builder.refusal);
  const size_t end = std::min(builder.error_position, text.size());
  const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(end), '\n');
  const bool cut = builder.syntax_error.find("unexpected end of input") != std::string::npos;
  fail(ErrorCode::bad_input, "{}: not valid JSON at line {}, byte {}{}", file, line, end,
       cut ? ": the file ends too early; it was cut or is still being written" : "; it is damaged or another kind of file");
}

JsonNode::JsonNode(const json& value, std::string file, std::string path)
    : value_(&value), file_(std::move(file)), path_(std::move(path)) {}

// The message must stay one line, whatever keys and values the file has.
void JsonNode::fail_with(ErrorCode code, const std::string& what) const {
  constexpr size_t kMost = 1000;
  const std::string path = path_.size() > kMost ? shortened(path_) : path_;
  qkv::fail(code, "{}: {}{}{}", file_, path, path.empty() ? "" : " ", what.size() > kMost ? shortened(what) : what);
}

void JsonNode::fail(const std::string& what) const { fail_with(ErrorCode::bad_input, what); }

void JsonNode::fail_unsupported(const std::string& what) const { fail_with(ErrorCode::unsupported, what); }

JsonNode JsonNode::at(const std::string& key) const {
  if (!value_->is_object()) fail(fmt::format("must be an object with \"{}\"", key));
  const auto found = value_->find(key);
  if (found == value_->end()) fail(fmt::format("has no \"{}\"", key));
  return {*found, file_, path_.empty() ? key : path_ + "." + key};
}

std::optional<JsonNode> JsonNode::find(const std::string& key) const {
  if (!value_->is_object()) fail("must be an object");
  const auto found = value_->find(key);
  if (found == value_->end() || found->is_null()) return std::nullopt;
  return at(key);
}

std::vector<JsonNode> JsonNode::items() const {
  if (!value_->is_array()) fail("must be an array");
  std::vector<JsonNode> nodes;
  nodes.reserve(value_->size());
  for (size_t i = 0; i < value_->size(); ++i) nodes.push_back(item(i));
  return nodes;
}

JsonNode JsonNode::item(size_t index) const { return {(*value_)[index], file_, fmt::format("{}[{}]", path_, index)}; }

std::string JsonNode::string() const {
  if (!value_->is_string()) fail("must be a string");
  return value_->get<std::string>();
}

bool JsonNode::boolean() const {
  if (!value_->is_boolean()) fail("must be true or false");
  return value_->get<bool>();
}

int64_t JsonNode::integer() const {
  const bool fits =
      value_->is_number_integer() && (!value_->is_number_unsigned() || value_->get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX));
  if (!fits) fail("must be an integer");
  return value_->get<int64_t>();
}

bool JsonNode::boolean_or(const std::string& key, bool otherwise) const {
  const auto node = find(key);
  return node ? node->boolean() : otherwise;
}

std::string JsonNode::string_or(const std::string& key, const std::string& otherwise) const {
  const auto node = find(key);
  return node ? node->string() : otherwise;
}

}  // namespace qkv
