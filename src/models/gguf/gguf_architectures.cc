#include "models/gguf/gguf_architectures.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "models/gguf/gguf_rope.h"

namespace qkv {
namespace {

using nlohmann::json;

// llama.cpp gives all decoders one set of names.
std::vector<GgufName> decoder_names() {
  return {{"token_embd", "embed_tokens"},
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

GgufName& name_of(std::vector<GgufName>& names, std::string_view ours) {
  return *std::find_if(names.begin(), names.end(), [&](const GgufName& name) { return name.ours.ends_with(ours); });
}

// llama.cpp rotates neighbouring columns for Llama, so its files alternate the rows of both halves of each head.
std::vector<GgufName> llama_names() {
  std::vector<GgufName> names = decoder_names();
  name_of(names, "q_proj").rotary_pairs = name_of(names, "k_proj").rotary_pairs = true;
  return names;
}

std::vector<GgufName> gpt2_names() {
  std::vector<GgufName> names = decoder_names();
  std::erase_if(names, [](const GgufName& name) { return name.ours.ends_with("k_proj") || name.ours.ends_with("v_proj"); });
  name_of(names, "q_proj").theirs = "blk.{}.attn_qkv";  // one tensor, as in the class
  return names;
}

// W_Q, W_K and W_V share a tensor, and so do the gate and W_1, as in the class.
std::vector<GgufName> phi3_names() {
  std::vector<GgufName> names = gpt2_names();
  std::erase_if(names, [](const GgufName& name) { return name.ours.ends_with("feed_forward.gate"); });
  name_of(names, "feed_forward.fc1").ours = "decoder.layers.{}.feed_forward.gate";
  return names;
}

std::vector<GgufName> bert_names() {
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

// Sizes that every architecture has, under the names of most classes.
void read_sizes(GgufKeys& in, json& config) {
  config["vocab_size"] = in.rows_of("token_embd.weight");
  config["hidden_size"] = in.required("embedding_length");
  config["num_hidden_layers"] = in.required("block_count");
  config["num_attention_heads"] = in.required("attention.head_count");
  config["intermediate_size"] = in.required("feed_forward_length");
  config["max_position_embeddings"] = in.required("context_length");
  in.integer("vocab_size");
  in.refuse("expert_count", "a mixture of experts");
}

void read_decoder(GgufKeys& in, json& config) {
  read_sizes(in, config);
  const int64_t heads = config["num_attention_heads"].get<int64_t>(), hidden = config["hidden_size"].get<int64_t>();
  if (heads < 1 || hidden < 1) fail(ErrorCode::bad_input, "{}: {} heads and {} columns in the attention", in.file(), heads, hidden);
  config["num_key_value_heads"] = in.integer("attention.head_count_kv").value_or(heads);
  const int64_t head_dim = in.integer("attention.key_length").value_or(hidden / heads);
  if (head_dim < 1) fail(ErrorCode::bad_input, "{}: heads of {} columns", in.file(), head_dim);
  if (in.integer("attention.value_length").value_or(head_dim) != head_dim) {
    fail(ErrorCode::unsupported, "{}: heads have more or fewer columns in their values than in their keys", in.file());
  }
  config["head_dim"] = head_dim;
  if (const auto epsilon = in.number("attention.layer_norm_rms_epsilon")) config["rms_norm_eps"] = *epsilon;
  config["tie_word_embeddings"] = in.tensor("output.weight") == nullptr;
  read_gguf_rope(in, head_dim, config);
}

void read_llama(GgufKeys& in, json& config) {
  in.refuse("attention.sliding_window", "a window");
  in.refuse("logit_scale", "scaled logits");
  read_decoder(in, config);
}

void put_number(GgufKeys& in, const char* theirs, json& config, const char* key) {
  if (const auto value = in.number(theirs)) config[key] = *value;
}

void read_granite(GgufKeys& in, json& config) {
  read_decoder(in, config);
  put_number(in, "embedding_scale", config, "embedding_multiplier");
  put_number(in, "residual_scale", config, "residual_multiplier");
  put_number(in, "attention.scale", config, "attention_multiplier");
  put_number(in, "logit_scale", config, "logits_scaling");
}

// A window of 0 is none.
void read_window(GgufKeys& in, json& config) {
  const int64_t window = in.integer("attention.sliding_window").value_or(0);
  config["sliding_window"] = window > 0 ? json(window) : json();
}

void read_phi3(GgufKeys& in, json& config) {
  read_decoder(in, config);
  read_window(in, config);
  const StoredTensor *longer = in.tensor("rope_factors_long.weight"), *shorter = in.tensor("rope_factors_short.weight");
  if (const auto length = in.integer("rope.scaling.original_context_length")) config["original_max_position_embeddings"] = *length;
  in.number("rope.scaling.attn_factor");  // follows from the two lengths
  if (longer && shorter) {
    json& rope = config["rope_parameters"];
    rope["rope_type"] = "longrope";
    rope["long_factor"] = read_gguf_factors(in, *longer);
    rope["short_factor"] = read_gguf_factors(in, *shorter);
  }
}

// Gemma 2 and 3 divide the scores by the root of the head's size, their largest models by that of hidden_size / heads, which the file does
// not say (llama.cpp, too, goes by the number of layers).
void read_later_gemma(GgufKeys& in, json& config, int64_t layers_of_largest) {
  read_decoder(in, config);
  read_window(in, config);
  const bool largest = config["num_hidden_layers"].get<int64_t>() == layers_of_largest;
  config["query_pre_attn_scalar"] =
      largest ? config["hidden_size"].get<int64_t>() / config["num_attention_heads"].get<int64_t>() : config["head_dim"].get<int64_t>();
}

void read_gemma2(GgufKeys& in, json& config) {
  read_later_gemma(in, config, 46);
  put_number(in, "attn_logit_softcapping", config, "attn_logit_softcapping");
  put_number(in, "final_logit_softcapping", config, "final_logit_softcapping");
}

// The rotation in layers with a window is the same in all files, which do not say it.
void read_gemma3(GgufKeys& in, json& config) {
  read_later_gemma(in, config, 62);
  put_number(in, "final_logit_softcapping", config, "final_logit_softcapping");
  json rope = config["rope_parameters"];
  config["rope_parameters"] = {{"full_attention", rope}, {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 10000.0}}}};
}

void read_gpt2(GgufKeys& in, json& config) {
  json sizes;
  read_sizes(in, sizes);
  config = {{"vocab_size", sizes["vocab_size"]},
            {"n_embd", sizes["hidden_size"]},
            {"n_layer", sizes["num_hidden_layers"]},
            {"n_head", sizes["num_attention_heads"]},
            {"n_inner", sizes["intermediate_size"]},
            {"n_positions", in.rows_of("position_embd.weight")},
            {"layer_norm_epsilon", in.number("attention.layer_norm_epsilon").value_or(1e-5)},
            {"tie_word_embeddings", in.tensor("output.weight") == nullptr}};
}

void read_bert(GgufKeys& in, json& config) {
  read_sizes(in, config);
  config["max_position_embeddings"] = in.rows_of("position_embd.weight");
  config["type_vocab_size"] = in.rows_of("token_types.weight");
  config["layer_norm_eps"] = in.number("attention.layer_norm_epsilon").value_or(1e-12);
  in.integer("pooling_type");  // read where vectors are made
  in.refuse("attention.max_alibi_bias", "ALiBi");
}

const std::vector<GgufArchitecture>& gguf_architectures() {
  static const std::vector<GgufArchitecture> list = {
      {"llama", "LlamaForCausalLM", llama_names(), read_llama},      {"qwen2", "Qwen2ForCausalLM", decoder_names(), read_llama},
      {"qwen3", "Qwen3ForCausalLM", decoder_names(), read_llama},    {"granite", "GraniteForCausalLM", llama_names(), read_granite},
      {"gemma", "GemmaForCausalLM", decoder_names(), read_llama},    {"gemma2", "Gemma2ForCausalLM", decoder_names(), read_gemma2},
      {"gemma3", "Gemma3ForCausalLM", decoder_names(), read_gemma3}, {"phi3", "Phi3ForCausalLM", phi3_names(), read_phi3},
      {"gpt2", "GPT2LMHeadModel", gpt2_names(), read_gpt2},          {"bert", "BertModel", bert_names(), read_bert},
  };
  return list;
}

}  // namespace

const GgufArchitecture& find_gguf_architecture(const GgufMetadata& metadata) {
  const std::string name(metadata.string("general.architecture").value_or(""));
  const std::vector<GgufArchitecture>& all = gguf_architectures();
  const auto found = std::find_if(all.begin(), all.end(), [&](const GgufArchitecture& each) { return each.name == name; });
  if (found != all.end()) return *found;
  std::vector<std::string_view> names;
  for (const GgufArchitecture& each : all) names.push_back(each.name);
  fail(ErrorCode::unsupported, "{}: the architecture \"{}\" is not supported in GGUF; there are {}", metadata.file(), shortened(name, 60),
       fmt::join(names, ", "));
}

}  // namespace qkv
