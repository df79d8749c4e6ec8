// The weights of a Hugging Face directory: model.safetensors, or the shards that model.safetensors.index.json lists.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "io/safetensors.h"

namespace qkv {

class WeightFiles {
 public:
  // Opens and checks every file. Throws if the directory has none, or if the index and the shards disagree.
  explicit WeightFiles(const std::filesystem::path& directory);

  struct Weight {
    const SafetensorsReader* file = nullptr;
    const SafetensorsReader::Entry* entry = nullptr;
  };
  const std::map<std::string, Weight>& all() const { return weights_; }
  const Weight* find(const std::string& name) const;
  // Copies the values into `out`, converted to its type. A leading dimension of 1 is optional: [1, 8] reads into [8].
  void read(const std::string& name, const Tensor& out) const;

  const std::filesystem::path& path() const { return path_; }                 // the file to name in messages
  const std::vector<std::filesystem::path>& files() const { return files_; }  // all opened files

 private:
  void open_parts(const std::filesystem::path& directory);

  std::filesystem::path path_;
  std::vector<std::filesystem::path> files_;
  std::vector<std::unique_ptr<SafetensorsReader>> readers_;
  std::map<std::string, Weight> weights_;
};

}  // namespace qkv
