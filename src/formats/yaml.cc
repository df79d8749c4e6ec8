#include "formats/yaml.h"

#include <yaml.h>

#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "formats/json.h"

namespace qkv {
namespace {

using nlohmann::json;

constexpr size_t kDeepest = 64;

class YamlReader {
 public:
  YamlReader(std::string_view text, const std::string& file) : file_(file) {
    if (yaml_parser_initialize(&parser_) == 0) fail(ErrorCode::internal, "[yaml] no memory for a parser");
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  }
  ~YamlReader() { yaml_parser_delete(&parser_); }
  YamlReader(const YamlReader&) = delete;
  YamlReader& operator=(const YamlReader&) = delete;

  json read() {
    json root;
    bool has_document = false;
    while (true) {
      yaml_event_t event;
      if (yaml_parser_parse(&parser_, &event) == 0) {
        bad(parser_.problem_mark.line, parser_.problem ? parser_.problem : "it is not valid YAML");
      }
      const yaml_event_type_t type = event.type;
      const size_t line = event.start_mark.line;
      std::string text;
      if (type == YAML_SCALAR_EVENT) text.assign(reinterpret_cast<const char*>(event.data.scalar.value), event.data.scalar.length);
      yaml_event_delete(&event);
      switch (type) {
        case YAML_STREAM_END_EVENT: return root;
        case YAML_DOCUMENT_START_EVENT:
          if (std::exchange(has_document, true)) bad(line, "there is a second document");
          break;
        case YAML_ALIAS_EVENT: bad(line, "aliases are not read");
        case YAML_SCALAR_EVENT: add(std::move(text), line, root); break;
        case YAML_SEQUENCE_START_EVENT: open(json::array(), line, root); break;
        case YAML_MAPPING_START_EVENT: open(json::object(), line, root); break;
        case YAML_SEQUENCE_END_EVENT:
        case YAML_MAPPING_END_EVENT: open_.pop_back(); break;
        default: break;
      }
    }
  }

 private:
  struct Open {
    json* value;
    std::optional<std::string> key;  // of a mapping, whose value comes next
  };

  [[noreturn]] void bad(size_t line, std::string_view what) const { fail(ErrorCode::bad_input, "{}:{}: {}", file_, line + 1, what); }

  // Puts a value where the innermost collection wants it. Returns its place.
  json* place(json value, size_t line, json& root) {
    if (open_.empty()) {
      root = std::move(value);
      return &root;
    }
    Open& in = open_.back();
    if (in.value->is_array()) {
      in.value->push_back(std::move(value));
      return &in.value->back();
    }
    if (!in.key) bad(line, "a key is a list or a mapping");
    const auto [at, added] = in.value->emplace(*std::exchange(in.key, std::nullopt), std::move(value));
    if (!added) bad(line, fmt::format("the key \"{}\" comes a second time", shortened(at.key(), 60)));
    return &*at;
  }

  void add(std::string text, size_t line, json& root) {
    if (!open_.empty() && open_.back().value->is_object() && !open_.back().key) {
      open_.back().key = std::move(text);
    } else {
      place(std::move(text), line, root);
    }
  }

  void open(json collection, size_t line, json& root) {
    if (open_.size() >= kDeepest) bad(line, "it is nested too deeply");
    open_.push_back({place(std::move(collection), line, root), {}});
  }

  const std::string& file_;
  yaml_parser_t parser_{};
  std::vector<Open> open_;
};

}  // namespace

json parse_yaml(std::string_view text, const std::string& file) { return YamlReader(text, file).read(); }

}  // namespace qkv
