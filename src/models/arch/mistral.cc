// Mistral (Jiang et al. 2023, transformers' modeling_mistral): Llama with a sliding window.
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "models/arch/arch.h"
#include "models/arch/llama_family.h"
#include "nn/uniform_config.h"

namespace qkv {
namespace {

TransformerConfig read_config(const ConfigReader& in) {
  UniformConfig config =
      read_llama_family_config(in, {.intermediate_size = 14336, .num_key_value_heads = 8, .max_position_embeddings = 4096 * 32});
  // null disables the window; 0 is refused because it would hide a token from itself.
  config.sliding_window = in.given("sliding_window") ? in.integer("sliding_window", 0) : 4096;
  if (in.has("sliding_window") && config.sliding_window == 0) {
    fail(ErrorCode::bad_input, "{}: \"sliding_window\" is 0; null stands for no window", in.file());
  }
  return config;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const UniformConfig config = as_uniform(network);
  write_llama_family_config(config, out);
  out["sliding_window"] = config.sliding_window;
}

}  // namespace

Architecture mistral() {
  Architecture architecture = llama_family();
  architecture.class_name = "MistralForCausalLM";
  architecture.model_type = "mistral";
  architecture.read_config = read_config;
  architecture.write_config = write_config;
  return architecture;
}

}  // namespace qkv
