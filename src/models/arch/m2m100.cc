// M2M100 (Fan et al. 2021, transformers' modeling_m2m_100), the class of NLLB-200: the norm before each sub-layer and another one after the
// last layer, sinusoidal positions of fairseq, scaled embeddings.

#include "base/error.h"
#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/bart_family.h"

namespace qkv {
namespace {

// The first position of a sequence is pad_token_id + 1.
TransformerConfig read_config(const ConfigReader& in) {
  in.expect("normalize_before", true, "the norm after each sub-layer");
  in.expect("add_final_layer_norm", true, "no norm after the last layer");
  in.expect("static_position_embeddings", true, "learned positions");
  in.expect("normalize_embedding", false, "a norm on the embeddings");
  UniformConfig config =
      read_family_config(in, {.vocab_size = 128112, .activation = Activation::relu, .scale_embedding = true, .attention_dropout = 0.1f});
  config.norm_position = NormPlace::pre;
  config.final_logits_bias = false;
  config.pad_token_id = in.token_id("pad_token_id").value_or(1);
  if (config.pad_token_id < 0) fail(ErrorCode::bad_input, "{}: \"pad_token_id\" is missing; positions are counted from it", in.file());
  config.decoder_start_token_id = 2;
  config.eos_token_ids = {2};
  TransformerConfig network = config;
  network.position_table = PositionTable::sinusoidal_inclusive;
  network.position_offset = config.pad_token_id + 1;
  return network;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  TransformerConfig plain = network;
  plain.position_table = PositionTable::sinusoidal;
  write_family_config(without_offset(std::move(plain)), out);
  out["pad_token_id"] = network.position_offset - 1;
}

}  // namespace

Architecture m2m100() {
  return {.class_name = "M2M100ForConditionalGeneration",
          .model_type = "m2m_100",
          .read_config = read_config,
          .write_config = write_config,
          .base_prefix = "model.",
          .weights = family_weights_with_final_norms(),
          .copies = family_copies(),
          .ignored = {"model.encoder.embed_positions.weights", "model.decoder.embed_positions.weights", "model.encoder.version",
                      "model.decoder.version"}};
}

}  // namespace qkv
