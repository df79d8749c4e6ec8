// One JSON file of a model directory, read key by key; every message names the file and the key.
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
  // `file` names it in messages.
  ConfigReader(std::string file, nlohmann::json json);
  ConfigReader(ConfigReader&&) noexcept;
  ~ConfigReader();

  // An object in the object, with its own keys.
  ConfigReader object(std::string_view key) const;

  const std::string& file() const { return file_; }
  bool has(std::string_view key) const;    // there, and not null
  bool given(std::string_view key) const;  // there, be it null
  bool empty() const;
  // Keys that nothing has asked for so far.
  std::vector<std::string> unread() const;

  // Without a fallback the key must be there.
  int integer(std::string_view key) const;
  int integer(std::string_view key, int fallback) const { return has(key) ? integer(key) : fallback; }
  // `alias` is transformers' other name of the key ("attribute_map"). Throws where both are there with different values.
  int integer(std::string_view key, std::string_view alias, int fallback) const;
  float number(std::string_view key, float fallback) const;
  bool boolean(std::string_view key, bool fallback) const;
  std::string text(std::string_view key) const;
  bool is_text(std::string_view key) const;
  std::vector<std::string> texts(std::string_view key) const;  // empty where the key is missing
  // One token id, or a list of them; nothing where the key is missing. Negative ids stand for no token and are left out.
  std::vector<int32_t> token_ids(std::string_view key) const;
  // One token id, or a list with one; -1 where it is negative, nothing where the key is missing.
  std::optional<int> token_id(std::string_view key) const;
  // Lists of ids, one deep or two; empty where the key is missing.
  std::vector<std::vector<int32_t>> id_lists(std::string_view key) const;
  // Names of classes by number, {"0": "bad", "1": "good"}; empty where the key is missing.
  std::vector<std::string> labels(std::string_view key) const;
  // How many classes there are: "num_labels", else as many as "id2label" has, else 2.
  int label_count() const;
  // One of transformers' activation names. Throws with the name where it has no formula here.
  Activation activation(std::string_view key) const;
  Activation activation(std::string_view key, Activation fallback) const { return has(key) ? activation(key) : fallback; }

  // Throws where the key is there with another value; `meaning` says what that value would ask for.
  void expect(std::string_view key, bool value, std::string_view meaning) const;

  const nlohmann::json& json() const { return *json_; }  // the whole object
  // Throws: the key's value is not what was `wanted`.
  [[noreturn]] void fail_type(std::string_view key, std::string_view wanted) const;

 private:
  const nlohmann::json& value(std::string_view key) const;

  std::string file_;
  std::unique_ptr<nlohmann::json> json_;
  mutable std::set<std::string, std::less<>> asked_;
};

// transformers' name of an activation.
std::string_view activation_name(Activation activation);

}  // namespace qkv
