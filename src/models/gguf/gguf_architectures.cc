#include "models/gguf/gguf_architectures.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "models/gguf/gguf_settings.h"
#include "models/registry.h"

namespace qkv {
namespace {

using Names = std::vector<WeightName>;

// llama.cpp gives all decoders one set of names.
Names decoder_names() {
  return {{"token_embd", "embed_tokens"},
          {"token_embd_norm", "decoder.embedding_norm"},
          {"position_embd", "decoder.embed_positions"},
          {"blk.{}.attn_norm", "decoder.layers.{}.self_attention_norm"},
          {"blk.{}.attn_q", "decoder.layers.{}.self_attention.q_proj"},
          {"blk.{}.attn_k", "decoder.layers.{}.self_attention.k_proj"},
          {"blk.{}.attn_v", "decoder.layers.{}.self_attention.v_proj"},
          {"blk.{}.attn_q_norm", "decoder.layers.{}.self_attention.q_norm"},
          {"blk.{}.attn_k_norm", "decoder.layers.{}.self_attention.k_norm"},
          {"blk.{}.attn_output", "decoder.layers.{}.self_attention.out_proj"},
          {"blk.{}.post_attention_norm", "decoder.layers.{}.self_attention_output_norm"},
          {"blk.{}.ffn_norm", "decoder.layers.{}.feed_forward_norm"},
          {"blk.{}.post_ffw_norm", "decoder.layers.{}.feed_forward_output_norm"},
          {"blk.{}.ffn_gate", "decoder.layers.{}.feed_forward.gate"},
          {"blk.{}.ffn_up", "decoder.layers.{}.feed_forward.fc1"},
          {"blk.{}.ffn_down", "decoder.layers.{}.feed_forward.fc2"},
          {"output_norm", "decoder.final_norm"},
          {"output", "output"}};
}

WeightName& name_of(Names& names, std::string_view ours) {
  return *std::find_if(names.begin(), names.end(), [&](const WeightName& name) { return name.ours.ends_with(ours); });
}

// W_Q, W_K and W_V share a tensor, whatever their order in the class.
Names fused_qkv() {
  Names names = decoder_names();
  for (const auto& [ours, index] : {std::pair("q_proj", 0), std::pair("k_proj", 1), std::pair("v_proj", 2)}) {
    WeightName& name = name_of(names, ours);
    name.theirs = "blk.{}.attn_qkv";
    name.part = {FusedPart::Of::qkv, index};
  }
  return names;
}

// The gate and W_1 share a tensor.
Names with_fused_gate(Names names) {
  for (const auto& [ours, index] : {std::pair("feed_forward.gate", 0), std::pair("feed_forward.fc1", 1)}) {
    WeightName& name = name_of(names, ours);
    name.theirs = "blk.{}.ffn_up";
    name.part = {FusedPart::Of::gate_up, index};
  }
  return names;
}

// Of two norms the first is that of the feed-forward network.
Names falcon_names() {
  const auto has_two_norms = [](const LayerConfig& layer) { return layer.order == LayerOrder::parallel; };
  Names names = fused_qkv();
  names.insert(names.begin(), {{.theirs = "blk.{}.attn_norm_2", .ours = "decoder.layers.{}.self_attention_norm", .when = has_two_norms},
                               {.theirs = "blk.{}.attn_norm", .ours = "decoder.layers.{}.feed_forward_norm", .when = has_two_norms}});
  return names;
}

// The norms of the heads of q and k, each with a weight of its own, are rows of one tensor.
Names stablelm_names() {
  Names names = decoder_names();
  names.insert(
      names.begin(),
      {{.theirs = "blk.{}.attn_q_norm", .ours = "decoder.layers.{}.self_attention.q_norm.norms", .part = {.of = FusedPart::Of::q_heads}},
       {.theirs = "blk.{}.attn_k_norm", .ours = "decoder.layers.{}.self_attention.k_norm.norms", .part = {.of = FusedPart::Of::k_heads}}});
  return names;
}

Names gemma_embedding_names() {
  return {{"token_embd", "embed_tokens"},
          {"blk.{}.attn_norm", "encoder.layers.{}.self_attention_norm"},
          {"blk.{}.attn_q", "encoder.layers.{}.self_attention.q_proj"},
          {"blk.{}.attn_k", "encoder.layers.{}.self_attention.k_proj"},
          {"blk.{}.attn_v", "encoder.layers.{}.self_attention.v_proj"},
          {"blk.{}.attn_q_norm", "encoder.layers.{}.self_attention.q_norm"},
          {"blk.{}.attn_k_norm", "encoder.layers.{}.self_attention.k_norm"},
          {"blk.{}.attn_output", "encoder.layers.{}.self_attention.out_proj"},
          {"blk.{}.post_attention_norm", "encoder.layers.{}.self_attention_output_norm"},
          {"blk.{}.ffn_norm", "encoder.layers.{}.feed_forward_norm"},
          {"blk.{}.post_ffw_norm", "encoder.layers.{}.feed_forward_output_norm"},
          {"blk.{}.ffn_gate", "encoder.layers.{}.feed_forward.gate"},
          {"blk.{}.ffn_up", "encoder.layers.{}.feed_forward.fc1"},
          {"blk.{}.ffn_down", "encoder.layers.{}.feed_forward.fc2"},
          {"output_norm", "encoder.final_norm"}};
}

Names bert_names() {
  return {{"token_embd", "embed_tokens"},
          {"position_embd", "encoder.embed_positions"},
          {"token_types", "encoder.embed_token_types"},
          {"token_embd_norm", "encoder.embedding_norm"},
          {"blk.{}.attn_q", "encoder.layers.{}.self_attention.q_proj"},
          {"blk.{}.attn_k", "encoder.layers.{}.self_attention.k_proj"},
          {"blk.{}.attn_v", "encoder.layers.{}.self_attention.v_proj"},
          {"blk.{}.attn_output", "encoder.layers.{}.self_attention.out_proj"},
          {"blk.{}.attn_output_norm", "encoder.layers.{}.self_attention_norm"},
          {"blk.{}.ffn_up", "encoder.layers.{}.feed_forward.fc1"},
          {"blk.{}.ffn_down", "encoder.layers.{}.feed_forward.fc2"},
          {"blk.{}.layer_output_norm", "encoder.layers.{}.feed_forward_norm"}};
}

bool has_window(const GgufKeys& keys) { return keys.has("attention.sliding_window"); }
bool has_no_window(const GgufKeys& keys) { return !has_window(keys); }

constexpr bool kRotaryPairs = true, kNeedsOutput = true;

std::vector<GgufArchitecture> list_all() {
  return {
      {"llama", "LlamaForCausalLM", decoder_names(), map_llama, kRotaryPairs},
      {"qwen2", "Qwen2ForCausalLM", decoder_names(), map_qwen2},
      {"qwen3", "Qwen3ForCausalLM", decoder_names(), map_qwen2},
      {"granite", "GraniteForCausalLM", decoder_names(), map_granite, kRotaryPairs},
      {"gemma", "GemmaForCausalLM", decoder_names(), map_qwen2},
      {"gemma2", "Gemma2ForCausalLM", decoder_names(), map_gemma2},
      {"gemma3", "Gemma3ForCausalLM", decoder_names(), map_gemma3},
      {"gemma-embedding", "Gemma3TextModel", gemma_embedding_names(), map_gemma_embedding},
      {"mistral3", "Ministral3ForCausalLM", decoder_names(), map_mistral3, kRotaryPairs},
      {"phi2", "PhiForCausalLM", decoder_names(), map_phi2, !kRotaryPairs, kNeedsOutput},
      {"phi3", "Phi3ForCausalLM", with_fused_gate(fused_qkv()), map_phi3},
      {"gpt2", "GPT2LMHeadModel", fused_qkv(), map_gpt2},
      {"starcoder", "GPTBigCodeForCausalLM", fused_qkv(), map_starcoder},
      {"starcoder2", "Starcoder2ForCausalLM", decoder_names(), map_starcoder2},
      {"gptneox", "GPTNeoXForCausalLM", fused_qkv(), map_gpt_neox, !kRotaryPairs, kNeedsOutput},
      {"falcon", "FalconForCausalLM", falcon_names(), map_falcon},
      {"mpt", "MptForCausalLM", fused_qkv(), map_mpt},
      {"bloom", "BloomForCausalLM", fused_qkv(), map_bloom},
      {"stablelm", "StableLmForCausalLM", stablelm_names(), map_stablelm, !kRotaryPairs, kNeedsOutput},
      {"cohere2", "Cohere2ForCausalLM", decoder_names(), map_cohere2},
      {"exaone4", "Exaone4ForCausalLM", decoder_names(), map_exaone4},
      {"glm4", "Glm4ForCausalLM", with_fused_gate(decoder_names()), map_glm4},
      {"olmo2", "Olmo2ForCausalLM", decoder_names(), map_olmo2, !kRotaryPairs, kNeedsOutput, has_no_window},
      {"olmo2", "Olmo3ForCausalLM", decoder_names(), map_olmo3, !kRotaryPairs, kNeedsOutput, has_window},
      {"smollm3", "SmolLM3ForCausalLM", decoder_names(), map_llama, kRotaryPairs},
      {"hunyuan-dense", "HunYuanDenseV1ForCausalLM", decoder_names(), map_qwen2},
      {"bert", "BertModel", bert_names(), map_bert},
  };
}

Architecture layout_of(const GgufArchitecture& gguf) {
  const auto all = architectures();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Architecture& each) { return each.class_name == gguf.class_name; });
  QKV_CHECK(found != all.end(), "[gguf] there is no class {}", gguf.class_name);
  Architecture layout = *found;
  layout.weights = gguf.weights;
  layout.base_prefix = {};
  layout.older_weights = {};
  layout.ignored = {"dense_2.weight", "dense_3.weight"};  // read where vectors are made
  layout.copies = {{"output.weight", "embed_tokens.weight"}};
  layout.ties_equal_weights = gguf.needs_output;
  return layout;
}

}  // namespace

std::span<const GgufArchitecture> gguf_architectures() {
  static const std::vector<GgufArchitecture> list = [] {
    std::vector<GgufArchitecture> all = list_all();
    for (GgufArchitecture& each : all) each.layout = layout_of(each);
    return all;
  }();
  return list;
}

const GgufArchitecture& find_gguf_architecture(const GgufMetadata& metadata, const TensorFile::Entries& tensors) {
  const std::string name(metadata.string("general.architecture").value_or(""));
  const GgufKeys keys(metadata, tensors, name);
  std::vector<std::string_view> names;
  for (const GgufArchitecture& each : gguf_architectures()) {
    if (each.name == name && (!each.applies || each.applies(keys))) return each;
    if (names.empty() || names.back() != each.name) names.push_back(each.name);
  }
  fail(ErrorCode::unsupported, "{}: the architecture \"{}\" is not supported in GGUF; there are {}", metadata.file(), shortened(name, 60),
       fmt::join(names, ", "));
}

}  // namespace qkv
