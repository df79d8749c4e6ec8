// Pegasus (Zhang et al. 2020, transformers' modeling_pegasus): like MarianMT, but with the norm before each sub-layer and another one after
// the last layer of each stack.

#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/bart_family.h"
#include "nn/uniform_config.h"

namespace qkv {
namespace {

TransformerConfig read_config(const ConfigReader& in) {
  in.expect("normalize_before", true, "the norm after each sub-layer");
  in.expect("add_final_layer_norm", true, "no norm after the last layer");
  expect_plain_sinusoids(in);
  UniformConfig config = read_family_config(in);
  config.norm_position = NormPlace::pre;
  config.eos_token_ids = {1};
  return config;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const UniformConfig config = as_uniform(network);
  write_family_config(config, out);
  out["normalize_before"] = true;
  out["normalize_embedding"] = false;
  out["add_final_layer_norm"] = true;
  out["static_position_embeddings"] = true;
}

}  // namespace

Architecture pegasus() {
  return {.class_name = "PegasusForConditionalGeneration",
          .model_type = "pegasus",
          .read_config = read_config,
          .write_config = write_config,
          .base_prefix = "model.",
          .weights = family_weights_with_final_norms(),
          .copies = family_copies(),
          .writes_sinusoids = true};
}

}  // namespace qkv
