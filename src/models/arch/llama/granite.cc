// Granite 3 and dense Granite 4 (IBM 2024, transformers' modeling_granite): Llama with a factor of embeddings, scores, residual branches
// and logits each.
#include <cmath>

#include "base/error.h"
#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/llama/llama_family.h"
#include "models/json_numbers.h"

namespace qkv {
namespace {

float read_factor(const ConfigReader& in, std::string_view key) {
  const float factor = in.number(key, 1);
  if (factor == 0) fail(ErrorCode::bad_input, "{}: \"{}\" is 0", in.file(), key);
  return factor;
}

// The number whose inverse in f32 is exactly `value`; a rounded division alone may be one unit beside it.
float inverse_of(float value) {
  const float near = 1 / value;
  for (const float candidate : {near, std::nextafter(near, 0.0f), std::nextafter(near, 2 * near)}) {
    if (1 / candidate == value) return candidate;
  }
  return near;
}

TransformerConfig read_config(const ConfigReader& in) {
  TransformerConfig network = read_llama_family_config(in, {.intermediate_size = 11008, .max_position_embeddings = 2048});
  read_biases(in, network);
  network.embedding_scale = read_factor(in, "embedding_multiplier");
  network.output_scale = 1 / read_factor(in, "logits_scaling");
  for (LayerConfig& layer : network.decoder) {
    layer.residual_scale = read_factor(in, "residual_multiplier");
    layer.attention.scale = read_factor(in, "attention_multiplier");
  }
  return network;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const LayerConfig& layer = first_decoder_layer(network);
  write_llama_family_config(network, out);
  write_biases(network, out);
  out["attention_multiplier"] = shortest(layer.attention.scale);
  out["embedding_multiplier"] = shortest(network.embedding_scale);
  out["logits_scaling"] = shortest(inverse_of(network.output_scale));
  out["residual_multiplier"] = shortest(layer.residual_scale);
}

}  // namespace

Architecture granite() {
  Architecture architecture = llama_family("GraniteForCausalLM", "granite");
  architecture.read_config = read_config;
  architecture.write_config = write_config;
  return architecture;
}

}  // namespace qkv
