#include "models/arch/llama/llama_family.h"

#include "base/error.h"
#include "formats/json.h"
#include "models/json_numbers.h"
#include "nn/uniform_config.h"

namespace qkv {

TransformerConfig read_llama_family_config(const ConfigReader& in, const LlamaFamilyDefaults& defaults) {
  UniformConfig config;
  config.kind = Kind::decoder_only;
  config.encoder_layers = 0;
  config.vocab_size = in.integer("vocab_size", defaults.vocab_size);
  config.hidden_size = in.integer("hidden_size", defaults.hidden_size);
  config.decoder_layers = in.integer("num_hidden_layers", defaults.num_layers);
  config.num_attention_heads = in.integer("num_attention_heads", defaults.num_heads);
  const bool own_default = !in.given("num_key_value_heads") && defaults.num_key_value_heads > 0;  // null: as many as query heads
  config.num_key_value_heads = own_default ? defaults.num_key_value_heads : in.integer("num_key_value_heads", config.num_attention_heads);
  config.encoder_ffn_dim = config.decoder_ffn_dim = in.integer("intermediate_size", defaults.intermediate_size);
  config.activation = defaults.keys.activation.empty() ? defaults.activation : in.activation(defaults.keys.activation, defaults.activation);
  config.gated_ffn = defaults.gated;
  config.norm_position = NormPlace::pre;
  config.linear_bias = config.scale_embedding = config.final_logits_bias = false;
  config.tie_word_embeddings = in.boolean("tie_word_embeddings", defaults.tied);
  config.max_position_embeddings = in.integer("max_position_embeddings", defaults.max_position_embeddings);
  config.initializer_range = in.number("initializer_range", 0.02f);
  config.dropout = 0;
  config.attention_dropout = in.number("attention_dropout", 0);
  config.decoder_start_token_id = defaults.bos_token_id;
  if (defaults.eos_token_id >= 0) config.eos_token_ids = {defaults.eos_token_id};
  config.head_dim = in.integer("head_dim", defaults.head_dim);
  if (in.has("head_dim") && config.head_dim < 1) fail(ErrorCode::bad_input, "{}: \"head_dim\" is {}", in.file(), config.head_dim);
  config.position = Position::rope;
  RopeRules rules = defaults.rope;
  rules.max_position_embeddings = config.max_position_embeddings;
  if (defaults.keys.partial_rope && config.num_attention_heads > 0) rules.head_dim = config.head_size();
  config.rope = read_rope(in, rules);
  TransformerConfig network = config;
  NormConfig norm = defaults.norm;
  norm.epsilon = in.number(defaults.keys.epsilon, norm.epsilon);
  network.final_norm = norm;
  for (LayerConfig& layer : network.decoder) layer.norm = norm;
  return network;
}

void read_biases(const ConfigReader& in, TransformerConfig& network) {
  const bool attention = in.boolean("attention_bias", false), feed_forward = in.boolean("mlp_bias", false);
  for (LayerConfig& layer : network.decoder) {
    set_attention_bias(layer.attention, attention);
    layer.feed_forward.bias = feed_forward;
  }
}

void write_llama_family_config(const TransformerConfig& network, nlohmann::ordered_json& out, const LlamaFamilyKeys& keys) {
  const LayerConfig& layer = first_decoder_layer(network);
  const AttentionConfig& attention = layer.attention;
  out["attention_dropout"] = shortest(attention.dropout);
  out["head_dim"] = attention.head_dim;
  if (!keys.activation.empty()) out[std::string(keys.activation)] = activation_name(layer.feed_forward.activation);
  out["hidden_size"] = network.hidden_size;
  out["initializer_range"] = shortest(network.initializer_range > 0 ? network.initializer_range : 0.02f);
  out["intermediate_size"] = layer.feed_forward.size;
  out["max_position_embeddings"] = network.max_position_embeddings;
  out["num_attention_heads"] = attention.num_heads;
  out["num_hidden_layers"] = network.decoder.size();
  out["num_key_value_heads"] = attention.num_key_value_heads;
  out[std::string(keys.epsilon)] = shortest(layer.norm.epsilon);
  for (const LayerConfig& each : network.decoder) {
    if (!each.attention.rope) continue;
    write_rope(*each.attention.rope, out, keys.partial_rope ? attention.head_dim : 0);
    break;
  }
  out["tie_word_embeddings"] = network.tie_word_embeddings;
  out["use_cache"] = true;
  out["vocab_size"] = network.vocab_size;
}

void write_biases(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const LayerConfig& layer = first_decoder_layer(network);
  out["attention_bias"] = layer.attention.q_bias;
  out["mlp_bias"] = layer.feed_forward.bias;
}

namespace {

std::vector<WeightName> weights() {
  return {{"model.embed_tokens", "embed_tokens"},
          {"model.layers.{}.input_layernorm", "decoder.layers.{}.self_attention_norm"},
          {"model.layers.{}.self_attn.q_proj", "decoder.layers.{}.self_attention.q_proj"},
          {"model.layers.{}.self_attn.k_proj", "decoder.layers.{}.self_attention.k_proj"},
          {"model.layers.{}.self_attn.v_proj", "decoder.layers.{}.self_attention.v_proj"},
          {"model.layers.{}.self_attn.o_proj", "decoder.layers.{}.self_attention.out_proj"},
          {"model.layers.{}.post_attention_layernorm", "decoder.layers.{}.feed_forward_norm"},
          {"model.layers.{}.mlp.gate_proj", "decoder.layers.{}.feed_forward.gate"},
          {"model.layers.{}.mlp.up_proj", "decoder.layers.{}.feed_forward.fc1"},
          {"model.layers.{}.mlp.down_proj", "decoder.layers.{}.feed_forward.fc2"},
          {"model.norm", "decoder.final_norm"},
          {"lm_head", "output"}};
}

}  // namespace

std::vector<WeightName> qk_norm_names(const std::string& q_norm, const std::string& k_norm) {
  return {{"model.layers.{}.self_attn." + q_norm, "decoder.layers.{}.self_attention.q_norm"},
          {"model.layers.{}.self_attn." + k_norm, "decoder.layers.{}.self_attention.k_norm"}};
}

Architecture llama_family(std::string_view class_name, std::string_view model_type, const std::vector<WeightName>& other_names) {
  std::vector<WeightName> names = weights();
  for (const WeightName& other : other_names) {
    std::erase_if(names, [&](const WeightName& name) { return name.ours == other.ours; });
    names.push_back(other);
  }
  return {.class_name = class_name,
          .model_type = model_type,
          .base_prefix = "model.",
          .weights = std::move(names),
          .copies = {{"lm_head.weight", "embed_tokens.weight"}},
          .ignored = {"model.layers.{}.self_attn.rotary_emb.inv_freq", "model.rotary_emb.inv_freq"}};
}

TransformerConfig read_text_part(const ConfigReader& in, const ConfigReader& text, TransformerConfig network) {
  network.tie_word_embeddings = in.boolean("tie_word_embeddings", true);
  if (text.given("bos_token_id")) network.decoder_start_token_id = text.token_id("bos_token_id").value_or(-1);
  if (text.given("eos_token_id")) network.eos_token_ids = text.token_ids("eos_token_id");
  return network;
}

// Files have "language_model.model.layers", those of some versions of transformers "model.language_model.layers"; the output layer is
// "language_model.lm_head" or "lm_head".
Architecture text_part_of(const Architecture& text, std::string_view class_name, std::string_view model_type) {
  Architecture architecture = text;
  architecture.class_name = class_name;
  architecture.model_type = model_type;
  architecture.read_only = true;
  architecture.base_prefix = "language_model.";
  for (WeightName& name : architecture.weights) {
    WeightName newer = name;
    newer.theirs.replace(0, newer.theirs.find('.'), "model.language_model");
    if (name.theirs.starts_with("model.")) architecture.older_weights.push_back(std::move(newer));
    name.theirs.insert(0, "language_model.");
  }
  architecture.copies = {{"language_model.lm_head.weight", "embed_tokens.weight"}};
  architecture.other_parts = {"vision_tower.", "multi_modal_projector.", "model.vision_tower.", "model.multi_modal_projector."};
  return architecture;
}

}  // namespace qkv
