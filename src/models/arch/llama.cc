// Llama (Touvron et al. 2023, transformers' modeling_llama).
#include <nlohmann/json.hpp>

#include "models/arch/arch.h"
#include "models/arch/llama_family.h"

namespace qkv {

Architecture llama() {
  return {.class_name = "LlamaForCausalLM",
          .model_type = "llama",
          .holds = [](const TransformerConfig& c) { return llama_family_holds(c) && c.sliding_window == 0; },
          .read_config = read_llama_family_config,
          .write_config =
              [](const TransformerConfig& config, nlohmann::ordered_json& out) {
                write_llama_family_config(config, out);
                out["attention_bias"] = out["mlp_bias"] = false;
                out["pretraining_tp"] = 1;
              },
          .weights = llama_family_weights(),
          .copies_of_embedding = {"lm_head.weight"},
          .ignored = {"model.layers.{}.self_attn.rotary_emb.inv_freq"}};
}

}  // namespace qkv
