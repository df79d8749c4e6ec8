// Dense Hunyuan (Tencent 2025, transformers' modeling_hunyuan_v1_dense; HY-MT): Llama with norms of each head of q and k after rotation,
// and a base of the rotation that "alpha" scales.

#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/llama/llama_family.h"

namespace qkv {
namespace {

TransformerConfig read_config(const ConfigReader& in) {
  TransformerConfig network = read_llama_family_config(in, {.vocab_size = 290943,
                                                            .intermediate_size = 11008,
                                                            .max_position_embeddings = 2048,
                                                            .norm = {NormKind::rms, 1e-5f, false},
                                                            .rope = {.dialect = RopeDialect::hunyuan}});
  read_biases(in, network);
  for (LayerConfig& layer : network.decoder) {
    layer.attention.qk_norm = layer.norm;
    layer.attention.qk_norm_place = QkNormPlace::rotated_head;
  }
  return network;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  write_llama_family_config(network, out);
  out["attention_bias"] = network.decoder.front().attention.q_bias;
}

}  // namespace

Architecture hunyuan() {
  Architecture architecture =
      llama_family("HunYuanDenseV1ForCausalLM", "hunyuan_v1_dense", qk_norm_names("query_layernorm", "key_layernorm"));
  architecture.read_config = read_config;
  architecture.write_config = write_config;
  return architecture;
}

}  // namespace qkv
