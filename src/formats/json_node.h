// Reads JSON from untrusted sources: a parser that rejects ambiguous input, and a view of a value that knows its path for messages
// ("DIR/tokenizer.json: pre_tokenizer.pretokenizers[1].split must be true or false").
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "qkv/error.h"

namespace qkv {

// Throws Error(bad_input) with file and line for a syntax error, a duplicate key in one object, or nesting deeper than 64.
nlohmann::json parse_json(std::string_view text, const std::string& file);

// A value within a parsed file. The parsed json must outlive it.
class JsonNode {
 public:
  JsonNode(const nlohmann::json& value, std::string file, std::string path = "");

  const nlohmann::json& value() const { return *value_; }
  const std::string& file() const { return file_; }
  [[noreturn]] void fail(const std::string& what) const;  // Error(bad_input): "FILE: PATH what"

  JsonNode at(const std::string& key) const;                   // must exist
  std::optional<JsonNode> find(const std::string& key) const;  // nothing if it is missing or null
  std::vector<JsonNode> items() const;                         // of an array
  JsonNode item(size_t index) const;

  std::string string() const;
  bool boolean() const;
  int64_t integer() const;
  bool boolean_or(const std::string& key, bool otherwise) const;
  std::string string_or(const std::string& key, const std::string& otherwise) const;

  // The component's kind, its "type".
  std::string type() const { return at("type").string(); }
  [[noreturn]] void fail_unsupported(const std::string& what) const;  // Error(unsupported): "FILE: PATH what"

 private:
  [[noreturn]] void fail_with(ErrorCode code, const std::string& what) const;

  const nlohmann::json* value_;
  std::string file_;
  std::string path_;  // empty: the whole file
};

}  // namespace qkv
