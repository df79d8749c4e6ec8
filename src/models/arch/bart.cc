// BART (Lewis et al. 2020, transformers' modeling_bart): learned positions, a norm on the embeddings, the norm after each sub-layer. mBART
// (Liu et al. 2020, modeling_mbart): the norm before each sub-layer and another one after the last layer.

#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/bart_family.h"

namespace qkv {
namespace {

TransformerConfig read_bart(const ConfigReader& in) {
  in.expect("normalize_before", false, "the norm before each sub-layer");
  in.expect("add_final_layer_norm", false, "a norm after the last layer");
  UniformConfig config = read_family_config(in);
  config.norm_position = NormPlace::post;
  config.pad_token_id = 1;
  config.decoder_start_token_id = 2;
  config.eos_token_ids = {2};
  return with_learned_positions(in, config);
}

TransformerConfig read_mbart(const ConfigReader& in) {
  in.expect("normalize_before", true, "the norm after each sub-layer");
  in.expect("add_final_layer_norm", true, "no norm after the last layer");
  UniformConfig config = read_family_config(in);
  config.norm_position = NormPlace::pre;
  config.pad_token_id = 1;
  config.decoder_start_token_id = in.token_id("bos_token_id").value_or(0);
  config.eos_token_ids = {2};
  return with_learned_positions(in, config);
}

void write_bart(const TransformerConfig& network, nlohmann::ordered_json& out) { write_family_config(without_offset(network), out); }

std::vector<WeightName> weights() {
  std::vector<WeightName> names = family_weights_with_final_norms();
  names.push_back({"model.encoder.layernorm_embedding", "encoder.embedding_norm"});
  names.push_back({"model.decoder.layernorm_embedding", "decoder.embedding_norm"});
  return names;
}

}  // namespace

Architecture bart() {
  return {.class_name = "BartForConditionalGeneration",
          .model_type = "bart",
          .read_config = read_bart,
          .write_config = write_bart,
          .base_prefix = "model.",
          .weights = weights(),
          .copies = family_copies(),
          .ignored = {"model.encoder.version", "model.decoder.version"}};
}

Architecture mbart() {
  return {.class_name = "MBartForConditionalGeneration",
          .model_type = "mbart",
          .read_config = read_mbart,
          .write_config = write_bart,
          .base_prefix = "model.",
          .weights = weights(),
          .copies = family_copies(),
          .ignored = {"model.encoder.version", "model.decoder.version"}};
}

}  // namespace qkv
