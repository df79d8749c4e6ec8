// Reads one JSON file of a model directory key by key; every message names the file and the key.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/params.h"

namespace qkv {

class ConfigReader {
 public:
  explicit ConfigReader(const std::filesystem::path& path);
  // file: its name in messages.
  ConfigReader(std::string file, nlohmann::json json);
  ConfigReader(ConfigReader&&) noexcept;
  ~ConfigReader();

  // A nested object with keys of its own.
  ConfigReader object(std::string_view key) const;

  const std::string& file() const { return file_; }
  bool has(std::string_view key) const;    // present and not null
  bool given(std::string_view key) const;  // present, possibly null
  bool empty() const;
  // Keys that have not been read so far.
  std::vector<std::string> unread() const;

  // Throws if the key is missing and there is no fallback.
  int integer(std::string_view key) const;
  int integer(std::string_view key, int fallback) const { return has(key) ? integer(key) : fallback; }
  // `alias` is transformers' other name of the key ("attribute_map"). Throws if both are present with different values.
  int integer(std::string_view key, std::string_view alias, int fallback) const;
  float number(std::string_view key, float fallback) const;
  std::vector<float> numbers(std::string_view key) const;  // empty if the key is missing
  bool boolean(std::string_view key, bool fallback) const;
  std::string text(std::string_view key) const;
  bool is_text(std::string_view key) const;
  std::vector<std::string> texts(std::string_view key) const;  // empty if the key is missing
  // One token id or a list of them; empty if the key is missing. Negative ids mean no token and are omitted.
  std::vector<int32_t> token_ids(std::string_view key) const;
  // One token id, or a list of one; -1 if it is negative, nullopt if the key is missing.
  std::optional<int> token_id(std::string_view key) const;
  // Lists of ids, nested once or twice; empty if the key is missing.
  std::vector<std::vector<int32_t>> id_lists(std::string_view key) const;
  // Names of classes by number, {"0": "bad", "1": "good"}, which may be whole numbers; empty if the key is missing.
  std::vector<std::string> labels(std::string_view key) const;
  // The number of classes: "num_labels", else the size of "id2label", else 2.
  int label_count() const;
  // One of transformers' activation names. Throws an error with the name if qkv does not have the function.
  Activation activation(std::string_view key) const;
  // The activation `name`, which is a part of the value of `key`.
  Activation activation_named(std::string_view name, std::string_view key) const;
  Activation activation(std::string_view key, Activation fallback) const { return has(key) ? activation(key) : fallback; }

  // Throws if the key is present with another value; `meaning` says what that value would request.
  void expect(std::string_view key, bool value, std::string_view meaning) const;

  const nlohmann::json& json() const { return *json_; }  // the whole object
  // Throws an error saying that the value of `key` is not the `wanted` one.
  [[noreturn]] void fail_type(std::string_view key, std::string_view wanted) const;

 private:
  const nlohmann::json& value(std::string_view key) const;

  std::string file_;
  std::unique_ptr<nlohmann::json> json_;
  mutable std::set<std::string, std::less<>> asked_;
};

// transformers' name of the activation.
std::string_view activation_name(Activation activation);

}  // namespace qkv
