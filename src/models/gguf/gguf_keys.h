// Reads the keys of one architecture in a GGUF file ("llama.block_count") into keys of config.json.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "formats/gguf.h"
#include "formats/json.h"
#include "io/tensor_file.h"

namespace qkv {

class GgufKeys {
 public:
  GgufKeys(const GgufMetadata& metadata, const TensorFile::Entries& tensors, std::string architecture)
      : metadata_(metadata), tensors_(tensors), prefix_(std::move(architecture) + ".") {}

  const std::string& file() const { return metadata_.file(); }
  // A value per layer is accepted if all are equal.
  std::optional<int64_t> integer(const std::string& key);
  std::optional<double> number(const std::string& key);
  std::optional<std::string> text(const std::string& key);
  // Throws an error that names the key if it is missing.
  int64_t required(const std::string& key);
  // Throws if the key is present and not 0; `meaning` says what it asks for.
  void refuse(const std::string& key, std::string_view meaning);
  // Keys of the architecture that have not been asked for.
  std::vector<std::string> unread() const;

  // Null if the file has no such tensor.
  const StoredTensor* tensor(const std::string& name) const;
  // The number of rows of a tensor that the model cannot do without.
  int64_t rows_of(const std::string& name) const;

 private:
  const std::string& asked(const std::string& key);

  const GgufMetadata& metadata_;
  const TensorFile::Entries& tensors_;
  std::string prefix_, key_;
  std::set<std::string> asked_;
};

}  // namespace qkv
