// MarianMT (Junczys-Dowmunt et al. 2018, transformers' modeling_marian): the Transformer of Vaswani et al. 2017 with the norm after each
// sub-layer, one embedding for both sides and (unless untied) the output layer, and a bias on the logits.

#include "base/error.h"
#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/bart_family.h"
#include "nn/uniform_config.h"

namespace qkv {
namespace {

TransformerConfig read_config(const ConfigReader& in) {
  in.expect("normalize_before", false, "the norm before each sub-layer");
  in.expect("add_final_layer_norm", false, "a norm after the last layer");
  in.expect("share_encoder_decoder_embeddings", true, "an embedding for each side");
  expect_plain_sinusoids(in);
  UniformConfig config = read_family_config(in, {.vocab_size = 58101});
  config.norm_position = NormPlace::post;
  config.pad_token_id = config.decoder_start_token_id = 58100;
  config.eos_token_ids = {0};
  if (const int size = in.integer("decoder_vocab_size", 0); size != 0 && size != config.vocab_size) {
    fail(ErrorCode::unsupported, "{}: \"decoder_vocab_size\" is {}, \"vocab_size\" {}; only models with one vocabulary are supported",
         in.file(), size, config.vocab_size);
  }
  return config;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const UniformConfig config = as_uniform(network);
  write_family_config(config, out);
  out["decoder_vocab_size"] = config.vocab_size;
  out["normalize_before"] = false;
  out["normalize_embedding"] = false;
  out["add_final_layer_norm"] = false;
  out["share_encoder_decoder_embeddings"] = true;
  out["static_position_embeddings"] = true;
}

}  // namespace

Architecture marian() {
  return {.class_name = "MarianMTModel",
          .model_type = "marian",
          .read_config = read_config,
          .write_config = write_config,
          .base_prefix = "model.",
          .weights = family_weights(),
          .copies = family_copies()};
}

}  // namespace qkv
