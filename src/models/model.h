// A model with its weights, and the Hugging Face directory it lives in.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/generation_defaults.h"
#include "nn/transformer.h"
#include "qkv/inference_type.h"

namespace qkv {

struct Model {
  // `matrices`: bf16 for inference; see ParameterStore.
  Model(const TransformerConfig& config, uint64_t seed, bool initialize, Device device, DType matrices = DType::f32);

  TransformerConfig config;
  GenerationDefaults generation;    // of a network with a decoder
  std::vector<std::string> labels;  // what Head::classification calls its classes
  ParameterStore parameters;
  Transformer network;
};

std::unique_ptr<Model> create_model(const TransformerConfig& config, uint64_t seed, Device device = Device::cpu);

// Opens a directory that qkv or transformers' save_pretrained wrote: config.json, model.safetensors, generation_config.json. Weights
// are converted to `dtype` (f64 on the reference). Throws one line that names the file and what is wrong.
std::unique_ptr<Model> load_model(const std::filesystem::path& directory, DType dtype = DType::f32, Device device = Device::cpu);

// Opens a directory to compute with it in the given type.
std::unique_ptr<Model> load_model(const std::filesystem::path& directory, InferenceType type);
// The type of activations that goes with the type of the model's weights: bf16 or f32.
DType activation_type(const Model& model);

// What a network is good for and the command for it, for messages: "translates (qkv translate)".
std::string_view use_of(const TransformerConfig& config);

// LABEL_0, LABEL_1, … as transformers names classes that have no names.
std::vector<std::string> numbered_labels(int count);

// Writes config.json, generation_config.json (with a decoder) and model.safetensors (f32) so that transformers opens the directory, where
// one of its classes holds the network. Each file appears whole or not at all.
// `weights`: instead of the model's own (the averaged ones), in the order of model.parameters; empty: its own.
void save_model(const Model& model, const std::filesystem::path& directory, std::span<const Tensor> weights = {});

}  // namespace qkv
