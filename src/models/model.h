// A model with its weights, and the Hugging Face directory it lives in.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nn/transformer.h"

namespace qkv {

// When a source with num_beams finished hypotheses is done, as transformers' early_stopping: `yes`: at once; `no`: when the best running
// hypothesis scores below all of them at its present length; `never`: when it would at max_length too.
enum class EarlyStopping : uint8_t { no, yes, never };

// What generation_config.json holds besides the model: how to decode where the caller does not say.
struct GenerationDefaults {
  int max_length = 512;  // decoder start included
  int min_length = 0;
  int num_beams = 4;
  float length_penalty = 1;
  EarlyStopping early_stopping = EarlyStopping::no;
  int forced_eos_token_id = -1;     // the last token at max_length; -1: none
  std::vector<int32_t> suppressed;  // never produced: bad_words_ids of one token (pad)
};

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

// What a network is good for and the command for it, for messages: "translates (qkv translate)".
std::string_view use_of(const TransformerConfig& config);

// LABEL_0, LABEL_1, … as transformers names classes that have no names.
std::vector<std::string> numbered_labels(int count);

// Writes config.json, generation_config.json (with a decoder) and model.safetensors (f32) so that transformers opens the directory, where
// one of its classes holds the network. Each file appears whole or not at all.
// `weights`: instead of the model's own (the averaged ones), in the order of model.parameters; empty: its own.
void save_model(const Model& model, const std::filesystem::path& directory, std::span<const Tensor> weights = {});

}  // namespace qkv
