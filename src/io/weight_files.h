// The weights of a model: one file of tensors or several, in any of the formats.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "io/tensor_file.h"

namespace qkv {

using OpenTensorFile = TensorFile (*)(const std::filesystem::path& path);

class WeightFiles {
 public:
  // Opens and checks the weights of a Hugging Face directory: model.safetensors or pytorch_model.bin, or the shards that the index of
  // either lists. Throws if the directory has none, or if the index and the shards disagree.
  explicit WeightFiles(const std::filesystem::path& directory);
  // One file of another format; its entries have the names of the class of transformers.
  explicit WeightFiles(TensorFile file);

  struct Weight {
    const TensorFile* file = nullptr;
    const StoredTensor* entry = nullptr;
  };
  const std::map<std::string, Weight>& all() const { return weights_; }
  int64_t values() const;  // of all tensors
  const Weight* find(const std::string& name) const;
  // Copies the values into `out`, converted to its type. A leading dimension of 1 is optional: [1, 8] reads into [8].
  void read(const std::string& name, const Tensor& out) const;

  const std::filesystem::path& path() const { return path_; }  // the file to name in messages
  std::vector<std::filesystem::path> files() const;            // all opened files

 private:
  void open_shards(const std::filesystem::path& directory, OpenTensorFile open);
  void add_all(TensorFile file);

  std::filesystem::path path_;
  std::vector<std::unique_ptr<TensorFile>> files_;
  std::map<std::string, Weight> weights_;
};

}  // namespace qkv
