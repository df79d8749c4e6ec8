// The keys of one architecture in a GGUF file ("llama.block_count") beside keys of config.json. An architecture names each pair once, for
// reading and for writing.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/gguf.h"
#include "formats/gguf_writer.h"
#include "formats/json.h"
#include "io/tensor_file.h"

namespace qkv {

class GgufKeys {
 public:
  // Reads a file.
  GgufKeys(const GgufMetadata& metadata, const TensorFile::Entries& tensors, std::string architecture)
      : metadata_(&metadata), tensors_(&tensors), prefix_(std::move(architecture) + ".") {}
  // Writes into `out`.
  GgufKeys(GgufWriter& out, std::string architecture) : out_(&out), prefix_(std::move(architecture) + ".") {}

  bool writing() const { return out_ != nullptr; }

  // In both directions: the file's `key` is config.json's `name`. What is missing or null is left out.
  void map_integer(const std::string& key, nlohmann::json& config, const char* name);
  void map_number(const std::string& key, nlohmann::json& config, const char* name);
  void map_flag(const std::string& key, nlohmann::json& config, const char* name);
  // Throws an error that names the key if a file does not have it.
  void map_required(const std::string& key, nlohmann::json& config, const char* name);

  // Writing.
  void put(const std::string& key, int64_t value);
  void put_number(const std::string& key, double value);
  void put_text(const std::string& key, std::string_view value);
  void put_flag(const std::string& key, bool value);
  void put_flags(const std::string& key, const std::vector<bool>& values);
  // A tensor that llama.cpp computes with and that follows from settings.
  void put_tensor(const std::string& name, std::vector<float> values) { computed_.emplace_back(name, std::move(values)); }
  const std::vector<std::pair<std::string, std::vector<float>>>& computed() const { return computed_; }

  // Reading.
  const std::string& file() const { return metadata_->file(); }
  // A value per layer is accepted if all are equal.
  std::optional<int64_t> integer(const std::string& key);
  std::optional<double> number(const std::string& key);
  std::optional<bool> flag(const std::string& key);
  std::optional<std::string> text(const std::string& key);
  std::vector<bool> flags(const std::string& key);  // an array; empty if the key is missing
  int64_t required(const std::string& key);
  // Throws if the key is present and not 0; `meaning` says what it asks for.
  void refuse(const std::string& key, std::string_view meaning);
  // Keys of the architecture that have not been asked for.
  std::vector<std::string> unread() const;
  bool has(const std::string& key) const { return metadata_->has(prefix_ + key); }

  // Null if the file has no such tensor.
  const StoredTensor* tensor(const std::string& name) const;
  // The number of rows of a tensor that the model cannot do without.
  int64_t rows_of(const std::string& name) const;

 private:
  const std::string& asked(const std::string& key);

  const GgufMetadata* metadata_ = nullptr;
  const TensorFile::Entries* tensors_ = nullptr;
  GgufWriter* out_ = nullptr;
  std::string prefix_, key_;
  std::set<std::string> asked_;
  std::vector<std::pair<std::string, std::vector<float>>> computed_;
};

}  // namespace qkv
