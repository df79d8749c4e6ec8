// A model directory that was opened and checked, before its weights are read.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "io/weight_files.h"
#include "models/model.h"
#include "models/registry.h"
#include "models/weight_names.h"

namespace qkv {

enum class WeightUse : uint8_t { any, inference };

class ModelDirectory {
 public:
  // Reads config.json and generation_config.json and opens the weights. Every size that the first announces is compared with the weights'
  // files, so that a network of these sizes cannot be larger than they are. Throws one line that names the file and what is wrong.
  explicit ModelDirectory(const std::filesystem::path& directory);

  const Architecture& architecture() const { return *architecture_; }
  const TransformerConfig& config() const { return config_; }
  const GenerationDefaults& generation() const { return generation_; }
  const std::vector<std::string>& labels() const { return labels_; }
  const WeightFiles& weights() const { return weights_; }
  // Keys of config.json that say nothing to qkv, bookkeeping of transformers aside: what they ask for does not happen.
  std::vector<std::string> unused_keys() const;

  // The network, its weights still without values. Throws where the files lack a weight, have one of another shape, or have more.
  std::unique_ptr<Model> make_model(DType dtype, Device device) const;
  // Fills them. For inference the factors of products stay in packed form alone (tensor/weight_forms.h).
  void read_weights(Model& model, WeightUse use = WeightUse::any) const;
  // Reads every tensor that means something to the model. Throws where a value is no finite number, naming the tensor. Returns the number
  // of values.
  int64_t verify_weights() const;

 private:
  void check_sizes() const;
  void check_weight(std::string_view ours, const Shape& shape) const;
  void check_names(const Model& model) const;
  void check_copies() const;
  void read_weight(const Parameter& parameter) const;
  void read_stored_positions(Model& model) const;
  void untie_output();
  // Is the weight kept once here under both names? The output layer is a copy where it is tied.
  bool is_copy(const WeightCopy& copy) const;
  // The name of a tensor in the files, however they spell it; empty: they have none.
  std::string name_in_files(const std::string& theirs) const;
  // Where the files hold one of our weights, under the class's own name where they lack it.
  TheirWeight place_of(std::string_view ours) const;

  ConfigReader config_file_;
  const Architecture* architecture_;
  TransformerConfig config_;
  GenerationDefaults generation_;
  std::vector<std::string> labels_;
  WeightFiles weights_;
};

}  // namespace qkv
