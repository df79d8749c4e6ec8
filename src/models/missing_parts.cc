#include "models/missing_parts.h"

#include "base/names.h"

namespace qkv {
namespace {

constexpr std::string_view kExperts = "layers of experts", kStates = "state-space layers", kDelta = "gated delta nets",
                           kLatent = "attention to latent vectors";

constexpr ChoiceName<std::string_view> kParts[] = {
    {"bamba", kStates},
    {"bitnet", "weights of three values"},
    {"cohere2_moe", kExperts},
    {"dbrx", kExperts},
    {"deepseek_v2", "layers of experts and attention to latent vectors"},
    {"deepseek_v3", "layers of experts and attention to latent vectors"},
    {"diffllama", "differential attention"},
    {"dots1", kExperts},
    {"ernie4_5_moe", kExperts},
    {"exaone_moe", kExperts},
    {"falcon_h1", kStates},
    {"falcon_mamba", kStates},
    {"flex_olmo", kExperts},
    {"gemma3n", "embeddings of each layer"},
    {"gemma4", "keys and values that layers share"},
    {"gemma4_text", "keys and values that layers share"},
    {"glm4_moe", kExperts},
    {"gpt_oss", "layers of experts and attention sinks"},
    {"granitemoe", kExperts},
    {"granitemoehybrid", kStates},
    {"granitemoeshared", kExperts},
    {"hunyuan_v1_moe", kExperts},
    {"jamba", kStates},
    {"jetmoe", kExperts},
    {"kimi_linear", kDelta},
    {"lfm2", "short convolutions"},
    {"lfm2_moe", "layers of experts and short convolutions"},
    {"llama4", kExperts},
    {"llama4_text", kExperts},
    {"mamba", kStates},
    {"mamba2", kStates},
    {"minicpm3", kLatent},
    {"minimax", "layers of experts and linear attention"},
    {"mixtral", kExperts},
    {"nemotron_h", kStates},
    {"nllb-moe", kExperts},
    {"olmo_hybrid", kDelta},
    {"olmoe", kExperts},
    {"phimoe", kExperts},
    {"qwen2_moe", kExperts},
    {"qwen3_5", kDelta},
    {"qwen3_5_moe", "layers of experts and gated delta nets"},
    {"qwen3_5_text", kDelta},
    {"qwen3_moe", kExperts},
    {"qwen3_next", "layers of experts and gated delta nets"},
    {"recurrent_gemma", "recurrent layers"},
    {"rwkv", "recurrent layers"},
    {"switch_transformers", kExperts},
    {"xlstm", "recurrent layers"},
    {"zamba", kStates},
    {"zamba2", kStates},
};

}  // namespace

std::string_view missing_part(std::string_view model_type) {
  const std::string_view* part = find_choice(kParts, model_type);
  return part ? *part : std::string_view();
}

}  // namespace qkv
