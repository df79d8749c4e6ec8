// A model with its weights, and the Hugging Face directory that stores it.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/architecture.h"
#include "models/generation_defaults.h"
#include "nn/transformer.h"
#include "qkv/inference_type.h"

namespace qkv {

struct Model {
  // matrices: bf16 for inference; see ParameterStore.
  Model(const TransformerConfig& config, uint64_t seed, bool initialize, Device device, DType matrices = DType::f32);

  TransformerConfig config;
  GenerationDefaults generation;    // only used with a decoder
  std::vector<std::string> labels;  // names of the outputs of heads that name them
  std::string model_type;           // of the files that it comes from: transformers has several classes for some networks
  ParameterStore parameters;
  Transformer network;
};

std::unique_ptr<Model> create_model(const TransformerConfig& config, uint64_t seed, Device device = Device::cpu);

// Loads a directory written by qkv or by transformers' save_pretrained: config.json, model.safetensors, generation_config.json. Weights are
// converted to `dtype` (f64 on the reference). Errors are one line that names the file and the problem.
std::unique_ptr<Model> load_model(const std::filesystem::path& directory, DType dtype = DType::f32, Device device = Device::cpu);

// Loads a directory for inference with the given type.
std::unique_ptr<Model> load_model(const std::filesystem::path& directory, InferenceType type, ModelPart part = ModelPart::whole);
// The type of activations that matches the model's weights: bf16 or f32.
DType activation_type(const Model& model);

// The purpose of a network and its command, for messages: "translates (qkv translate)".
std::string_view use_of(const TransformerConfig& config);

// LABEL_0, LABEL_1, …: transformers' names of unnamed classes.
std::vector<std::string> numbered_labels(int count);

// Writes config.json, generation_config.json (with a decoder) and model.safetensors (f32). transformers can open the directory if one of
// its classes holds the network. Each file is written atomically. weights: replacements for the model's own (averaged weights), in the
// order of model.parameters; empty: the model's own.
void save_model(const Model& model, const std::filesystem::path& directory, std::span<const Tensor> weights = {});

}  // namespace qkv
