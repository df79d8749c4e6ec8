// MPT (MosaicML 2023, transformers' modeling_mpt): ALiBi and no biases at all; feed-forward networks are four times as wide as the layer.

#include "base/error.h"
#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/decoders.h"
#include "models/json_numbers.h"

namespace qkv {
namespace {

// transformers' class computes the attention of these keys alone and ignores the others.
void read_attention(const ConfigReader& in, AttentionConfig& attention) {
  in.expect("alibi", true, "attention without biases of distances");
  in.expect("qk_ln", false, "norms of q and k");
  in.expect("prefix_lm", false, "a prefix that is seen in both directions");
  attention.clip = in.number("clip_qkv", 0);
  if (attention.clip < 0) fail(ErrorCode::bad_input, "{}: \"clip_qkv\" is {}; it must be more than 0", in.file(), attention.clip);
  if (const int largest = in.integer("alibi_bias_max", 8); largest != 8) {
    fail(ErrorCode::unsupported, "{}: \"alibi_bias_max\" is {}; only slopes down to 2^-8 are supported", in.file(), largest);
  }
  attention.scale = in.number("softmax_scale", 0);
  attention.dropout = in.number("attn_pdrop", 0);
}

TransformerConfig read_config(const ConfigReader& in) {
  in.expect("no_bias", true, "biases of linear layers");
  const int hidden_size = in.integer("d_model", "hidden_size", 2048), num_heads = in.integer("n_heads", "num_attention_heads", 16);
  if (hidden_size > (1 << 16)) fail(ErrorCode::bad_input, "{}: \"d_model\" is {}", in.file(), hidden_size);
  LayerConfig layer;
  layer.attention = causal_attention(hidden_size, num_heads, num_heads, false);
  layer.attention.distance_bias = DistanceBias::alibi;
  if (in.has("attn_config")) read_attention(in.object("attn_config"), layer.attention);
  layer.feed_forward = {.size = 4 * hidden_size, .activation = Activation::gelu, .bias = false};
  layer.norm_place = NormPlace::pre;
  layer.norm = {NormKind::layer, in.number("layer_norm_epsilon", 1e-5f), false};
  layer.dropout = layer.attention.dropout;
  TransformerConfig network =
      decoder_of(layer, in.integer("n_layers", "num_hidden_layers", 24), in.integer("vocab_size", 50368), hidden_size);
  network.max_position_embeddings = in.integer("max_seq_len", 2048);
  network.tie_word_embeddings = in.boolean("tie_word_embeddings", true);
  network.initializer_range = in.number("initializer_range", 0.02f);
  network.decoder_start_token_id = -1;
  return network;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const LayerConfig& layer = first_decoder_layer(network);
  const auto number_or_null = [](float value) {
    return value > 0 ? nlohmann::ordered_json(shortest(value)) : nlohmann::ordered_json(nullptr);
  };
  out["attn_config"] = {{"alibi", true}, {"alibi_bias_max", 8}};
  out["attn_config"]["clip_qkv"] = number_or_null(layer.attention.clip);
  out["attn_config"]["softmax_scale"] = number_or_null(layer.attention.scale);
  out["d_model"] = network.hidden_size;
  out["initializer_range"] = shortest(network.initializer_range > 0 ? network.initializer_range : 0.02f);
  out["layer_norm_epsilon"] = shortest(layer.norm.epsilon);
  out["max_seq_len"] = network.max_position_embeddings;
  out["n_heads"] = layer.attention.num_heads;
  out["n_layers"] = network.decoder.size();
  out["no_bias"] = true;
  out["tie_word_embeddings"] = network.tie_word_embeddings;
  out["use_cache"] = true;
  out["vocab_size"] = network.vocab_size;
}

WeightName part(int index, std::string_view ours) {
  return {.theirs = "transformer.blocks.{}.attn.Wqkv", .ours = ours, .part = {FusedPart::Of::qkv, index}};
}

}  // namespace

Architecture mpt() {
  return {.class_name = "MptForCausalLM",
          .model_type = "mpt",
          .read_config = read_config,
          .write_config = write_config,
          .base_prefix = "transformer.",
          .weights = {{"transformer.wte", "embed_tokens"},
                      {"transformer.blocks.{}.norm_1", "decoder.layers.{}.self_attention_norm"},
                      part(0, "decoder.layers.{}.self_attention.q_proj"),
                      part(1, "decoder.layers.{}.self_attention.k_proj"),
                      part(2, "decoder.layers.{}.self_attention.v_proj"),
                      {"transformer.blocks.{}.attn.out_proj", "decoder.layers.{}.self_attention.out_proj"},
                      {"transformer.blocks.{}.norm_2", "decoder.layers.{}.feed_forward_norm"},
                      {"transformer.blocks.{}.ffn.up_proj", "decoder.layers.{}.feed_forward.fc1"},
                      {"transformer.blocks.{}.ffn.down_proj", "decoder.layers.{}.feed_forward.fc2"},
                      {"transformer.norm_f", "decoder.final_norm"},
                      {"lm_head", "output"}},
          .copies = {{"lm_head.weight", "embed_tokens.weight"}}};
}

}  // namespace qkv
