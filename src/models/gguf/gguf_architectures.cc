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
          {"blk.{}.ffn_norm", "decoder.layers.{}.feed_forward_norm"},
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
  in.refuse("attention.sliding_window", "a window");
  in.refuse("logit_scale", "scaled logits");
}

void read_llama(GgufKeys& in, json& config) {
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
      {"llama", "LlamaForCausalLM", llama_names(), read_llama},
      {"qwen2", "Qwen2ForCausalLM", decoder_names(), read_llama},
      {"qwen3", "Qwen3ForCausalLM", decoder_names(), read_llama},
      {"gpt2", "GPT2LMHeadModel", gpt2_names(), read_gpt2},
      {"bert", "BertModel", bert_names(), read_bert},
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
