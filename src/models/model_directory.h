// A model directory, opened and checked before its weights are read.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "models/model.h"
#include "models/model_files.h"
#include "models/registry.h"
#include "models/weight_names.h"
#include "models/weight_problems.h"

namespace qkv {

enum class WeightUse : uint8_t { any, inference };

class ModelDirectory {
 public:
  // Reads config.json and generation_config.json and opens the weights. All sizes in config.json are compared with the files of weights, so
  // that a network of these sizes cannot be larger than the files. Errors are one line that names the file and the problem.
  explicit ModelDirectory(const std::filesystem::path& directory, ModelPart part = ModelPart::whole);

  const Architecture& architecture() const { return *architecture_; }
  const TransformerConfig& config() const { return config_; }
  const GenerationDefaults& generation() const { return generation_; }
  const std::vector<std::string>& labels() const { return labels_; }
  const WeightFiles& weights() const { return weights_; }
  // The type of floating-point numbers that config.json or the weights say: bf16 or f32.
  DType dtype() const;
  // Keys of config.json that qkv ignores, except transformers' bookkeeping; their settings have no effect.
  std::vector<std::string> unused_keys() const;

  // Creates the network with uninitialized weights. Throws if the files lack a weight, contain one of another shape, or contain unknown
  // ones. For inference, factors are rounded as transformers rounds them in models of that type.
  std::unique_ptr<Model> make_model(DType dtype, Device device, WeightUse use = WeightUse::any) const;
  // Fills the weights. For inference, weights of products are kept only in packed form (tensor/weight_forms.h).
  void read_weights(Model& model, WeightUse use = WeightUse::any) const;
  // Reads every tensor that the model uses and returns the number of values. Throws an error with the tensor's name if a value is not
  // finite.
  int64_t verify_weights() const;

 private:
  static constexpr std::string_view kPositions[] = {"encoder.embed_positions.weight", "decoder.embed_positions.weight"};  // by Side

  const Architecture& class_by_weights() const;
  void check_sizes() const;
  double values_at_least() const;
  void check_weight(std::string_view ours, const Shape& shape, WeightProblems& problems) const;
  void throw_if_any(const WeightProblems& problems) const;
  bool same_values(const std::string& a, const std::string& b) const;
  void check_names(const Model& model) const;
  void check_copies() const;
  void read_weight(const Parameter& parameter) const;
  void read_packed(Model& model) const;
  bool pack_from_file(const Parameter& parameter, DType rows_type) const;
  void read_stored_positions(Model& model) const;
  void untie_output();
  void drop_missing_head();
  // Do both names refer to one weight of ours? For an output layer this is true only if it is tied.
  bool is_copy(const WeightCopy& copy) const;
  // The name of a tensor in the files in any of its spellings; empty if it is missing.
  std::string name_in_files(const std::string& theirs) const;
  std::string name_in_files(const Architecture& architecture, const std::string& theirs) const;
  // The location of one of our weights in the files; if they lack it, under the class's own name.
  TheirWeight place_of(std::string_view ours) const;

  ModelFiles files_;
  const Architecture* architecture_;
  TransformerConfig config_;
  GenerationDefaults generation_;
  std::vector<std::string> labels_;
  WeightFiles weights_;
};

}  // namespace qkv
