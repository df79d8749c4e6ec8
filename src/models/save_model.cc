#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/files.h"
#include "formats/json.h"
#include "models/generation_config.h"
#include "models/registry.h"
#include "models/save_format.h"
#include "models/weight_layout.h"

namespace qkv {
namespace {

Tensor as_f32(const Tensor& tensor) {
  return tensor.dtype() == DType::f32 && tensor.device() == Device::cpu ? tensor : tensor.to(DType::f32, Device::cpu);
}

// transformers stores the bias as [1, vocab_size].
Tensor logits_bias_row(const Model& model) { return as_f32(model.network.final_logits_bias()).reshaped({1, model.config.vocab_size}); }

// Adds stored sinusoids, and computed ones if transformers requires them.
void append_sinusoids(const Model& model, const Architecture& architecture, NamedTensors& named) {
  const TransformerConfig& config = model.config;
  Tensor computed;
  for (const Side side : {Side::encoder, Side::decoder}) {
    if (config.stack(side).empty()) continue;
    const Tensor& stored = model.network.embedded_positions(side).stored();
    if (!stored && !architecture.writes_sinusoids) continue;
    if (!stored && !computed) computed = sinusoidal_positions(config.position_rows(), config.hidden_size, Device::cpu);
    named.emplace_back(
        their_name(architecture, side == Side::decoder ? "decoder.embed_positions.weight" : "encoder.embed_positions.weight"),
        as_f32(stored ? stored : computed));
  }
}

// Without ties transformers reads each of these names, so all are written.
void append_copies(const Model& model, const Architecture& architecture, NamedTensors& named) {
  if (model.config.tie_word_embeddings || architecture.tied_by_weights) return;
  for (const WeightCopy& copy : architecture.copies) {
    if (copy.theirs == their_name(architecture, "output.weight")) continue;
    const std::string name = their_name(architecture, copy.ours);
    const auto found = std::find_if(named.begin(), named.end(), [&](const auto& each) { return each.first == name; });
    QKV_CHECK(found != named.end(), "[save_model] there is no {} to copy", name);
    named.emplace_back(copy.theirs, Tensor(found->second));
  }
}

void write_token_ids(const TransformerConfig& config, const GenerationDefaults& generation, nlohmann::ordered_json& out) {
  if (!out.contains("pad_token_id")) out["pad_token_id"] = token_id_json(config.pad_token_id);  // else the class computes with it
  if (!config.has_decoder()) return;
  out["eos_token_id"] = token_ids_json(config.eos_token_ids);
  if (!config.has_encoder()) {
    out["bos_token_id"] = token_id_json(config.decoder_start_token_id);
    return;
  }
  out["bos_token_id"] = nullptr;
  out["decoder_start_token_id"] = config.decoder_start_token_id;
  // Always written: transformers' default would force token 0 or 1 at the end of a translation of max_length tokens.
  out["forced_eos_token_id"] = token_ids_json(generation.forced_eos_token_ids);
}

std::string config_json(const Model& model, const Architecture& architecture, SafetensorsType type) {
  nlohmann::ordered_json out;
  out["architectures"] = {std::string(architecture.class_name)};
  out["model_type"] = architecture.model_type;
  architecture.write_config(model.config, out);
  write_token_ids(model.config, model.generation, out);
  for (size_t i = 0; i < model.labels.size(); ++i) {
    out["id2label"][std::to_string(i)] = model.labels[i];
    out["label2id"][model.labels[i]] = i;
  }
  const char* dtype = type == SafetensorsType::bf16 ? "bfloat16" : type == SafetensorsType::f16 ? "float16" : "float32";
  out["dtype"] = dtype;
  out["torch_dtype"] = dtype;  // name of dtype in transformers before 4.56
  return out.dump(2) + "\n";
}

}  // namespace

NamedTensors named_weights(const Model& model, const Architecture& architecture, std::span<const Tensor> weights,
                           std::vector<std::string>* left_out) {
  NamedTensors named;
  if (model.network.final_logits_bias()) named.emplace_back("final_logits_bias", logits_bias_row(model));
  for (size_t i = 0; i < model.parameters.all().size(); ++i) {
    const Parameter& parameter = model.parameters.all()[i];
    const Tensor& value = weights.empty() ? parameter.value : weights[i];
    QKV_CHECK(value.shape() == parameter.value.shape(), "[save_model] {} for {}, which is {}", to_string(value.shape()), parameter.name,
              to_string(parameter.value.shape()));
    const TheirWeight place = their_weight(architecture, model.config, parameter.name);
    if (place.name.empty() && left_out) {
      left_out->push_back(parameter.name);
      continue;
    }
    QKV_CHECK(!place.name.empty(), "[save_model] {} has no place for {}", architecture.class_name, parameter.name);
    if (place.is_unchanged()) {
      named.emplace_back(place.name, value);
      continue;
    }
    auto found = std::find_if(named.begin(), named.end(), [&](const auto& each) { return each.first == place.name; });
    if (found == named.end()) {
      found = named.insert(named.end(), {place.name, Tensor::empty(their_shape(place, value.shape()), DType::f32)});
    }
    put_into(found->second, place, as_f32(value));
  }
  append_copies(model, architecture, named);
  if (model.config.position_table == PositionTable::sinusoidal) append_sinusoids(model, architecture, named);
  return named;
}

void save_model(const Model& model, const std::filesystem::path& directory, std::span<const Tensor> weights) {
  save_model(model, directory, SaveFormat{}, weights);
}

void save_model(const Model& model, const std::filesystem::path& directory, const SaveFormat& format, std::span<const Tensor> weights) {
  QKV_CHECK(weights.empty() || weights.size() == model.parameters.all().size(), "[save_model] {} weights for a model that has {}",
            weights.size(), model.parameters.all().size());
  const Architecture& architecture = architecture_for(model.config, model.model_type);
  const std::string config = config_json(model, architecture, format.type);
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) fail(ErrorCode::io, "cannot make the directory {}: {}", directory.string(), error.message());
  write_safetensors_shards(directory, named_weights(model, architecture, weights), format.type, format.max_shard_bytes);
  if (!model.config.has_head()) write_generation_config(directory / "generation_config.json", model.generation, model.config);
  write_file_atomically(directory / "config.json", config);
  sync_directory(directory);
}

}  // namespace qkv
