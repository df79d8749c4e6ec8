// Mistral (Jiang et al. 2023, transformers' modeling_mistral): Llama with a sliding window. Ministral: with windows in some of its layers.
// Ministral 3: with queries that grow with their position. Mistral3: the text part of models that read images.

#include "base/error.h"
#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/llama/llama_family.h"
#include "models/layer_types.h"

namespace qkv {
namespace {

TransformerConfig read_family(const ConfigReader& in) {
  return read_llama_family_config(in, {.intermediate_size = 14336, .num_key_value_heads = 8, .max_position_embeddings = 4096 * 32});
}

TransformerConfig read_mistral(const ConfigReader& in) {
  TransformerConfig network = read_family(in);
  const int window = read_sliding_window(in, 4096);
  for (LayerConfig& layer : network.decoder) layer.attention.window = window;
  return network;
}

void write_mistral(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const int window = first_decoder_layer(network).attention.window;
  write_llama_family_config(network, out);
  out["sliding_window"] = window > 0 ? nlohmann::ordered_json(window) : nlohmann::ordered_json(nullptr);
}

TransformerConfig read_ministral(const ConfigReader& in) {
  TransformerConfig network = read_family(in);
  const int window = read_sliding_window(in, 4096);
  read_layer_types(in, network, window, [&](size_t) { return window > 0; });
  return network;
}

void write_ministral(const TransformerConfig& network, nlohmann::ordered_json& out) {
  write_llama_family_config(network, out);
  write_layer_types(network, out);
}

RopeOptions ministral3_rope() {
  return {.theta = 1e6,
          .scaling = RopeScaling::yarn,
          .factor = 16,
          .original_max_positions = 16384,
          .mscale = 1,
          .mscale_all_dim = 1,
          .query_growth = 0.1f};
}

TransformerConfig read_ministral3(const ConfigReader& in) {
  TransformerConfig network = read_llama_family_config(in, {.vocab_size = 131072,
                                                            .num_layers = 34,
                                                            .intermediate_size = 14336,
                                                            .num_key_value_heads = 8,
                                                            .max_position_embeddings = 262144,
                                                            .head_dim = 128,
                                                            .norm = {NormKind::rms, 1e-5f, false},
                                                            .rope = {.query_growth = true, .absent = ministral3_rope()}});
  const int window = read_sliding_window(in, 0);
  for (LayerConfig& layer : network.decoder) layer.attention.window = window;
  return network;
}

// The class reads these keys of every rotation.
void write_ministral3(const TransformerConfig& network, nlohmann::ordered_json& out) {
  write_mistral(network, out);
  for (const char* key : {"rope_parameters", "rope_scaling"}) {
    if (!out.contains(key)) continue;
    const auto put = [&](const char* name, const nlohmann::ordered_json& value) {
      if (!out[key].contains(name)) out[key][name] = value;
    };
    put("llama_4_scaling_beta", 0.0);
    put("original_max_position_embeddings", network.max_position_embeddings);
  }
}

TransformerConfig read_mistral3_vl(const ConfigReader& in) {
  const ConfigReader text = in.object("text_config");
  const std::string type = text.has("model_type") ? text.text("model_type") : "mistral";
  if (type == "mistral") return read_text_part(in, text, read_mistral(text));
  if (type == "ministral3") return read_text_part(in, text, read_ministral3(text));
  fail(ErrorCode::unsupported, "{}: \"model_type\" is \"{}\"; there are mistral, ministral3", text.file(), shortened(type, 60));
}

}  // namespace

Architecture mistral() {
  Architecture architecture = llama_family("MistralForCausalLM", "mistral");
  architecture.read_config = read_mistral;
  architecture.write_config = write_mistral;
  return architecture;
}

Architecture ministral() {
  Architecture architecture = llama_family("MinistralForCausalLM", "ministral");
  architecture.read_config = read_ministral;
  architecture.write_config = write_ministral;
  return architecture;
}

Architecture ministral3() {
  Architecture architecture = llama_family("Ministral3ForCausalLM", "ministral3");
  architecture.read_config = read_ministral3;
  architecture.write_config = write_ministral3;
  return architecture;
}

Architecture mistral3_vl() {
  Architecture architecture = text_part_of(ministral3(), "Mistral3ForConditionalGeneration", "mistral3");
  architecture.read_config = read_mistral3_vl;
  return architecture;
}

}  // namespace qkv
