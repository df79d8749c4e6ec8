// Settings of architectures: llama.cpp's keys beside those of config.json, for both directions (GgufKeys).
#pragma once

#include "models/gguf/gguf_keys.h"

namespace qkv {

// One function for each architecture of gguf_architectures.cc; `config` holds the keys of its class.
void map_llama(GgufKeys& keys, nlohmann::json& config);
void map_granite(GgufKeys& keys, nlohmann::json& config);
void map_gemma2(GgufKeys& keys, nlohmann::json& config);
void map_gemma3(GgufKeys& keys, nlohmann::json& config);
void map_gemma_embedding(GgufKeys& keys, nlohmann::json& config);
void map_mistral3(GgufKeys& keys, nlohmann::json& config);
void map_phi2(GgufKeys& keys, nlohmann::json& config);
void map_phi3(GgufKeys& keys, nlohmann::json& config);
void map_qwen2(GgufKeys& keys, nlohmann::json& config);
void map_gpt2(GgufKeys& keys, nlohmann::json& config);
void map_starcoder(GgufKeys& keys, nlohmann::json& config);
void map_starcoder2(GgufKeys& keys, nlohmann::json& config);
void map_gpt_neox(GgufKeys& keys, nlohmann::json& config);
void map_falcon(GgufKeys& keys, nlohmann::json& config);
void map_mpt(GgufKeys& keys, nlohmann::json& config);
void map_bloom(GgufKeys& keys, nlohmann::json& config);
void map_stablelm(GgufKeys& keys, nlohmann::json& config);
void map_cohere2(GgufKeys& keys, nlohmann::json& config);
void map_exaone4(GgufKeys& keys, nlohmann::json& config);
void map_glm4(GgufKeys& keys, nlohmann::json& config);
void map_olmo2(GgufKeys& keys, nlohmann::json& config);
void map_olmo3(GgufKeys& keys, nlohmann::json& config);
void map_bert(GgufKeys& keys, nlohmann::json& config);

}  // namespace qkv
