#include "models/arch/decoders.h"

#include "base/error.h"
#include "formats/json.h"
#include "models/json_numbers.h"

namespace qkv {

void set_attention_bias(AttentionConfig& attention, bool bias) {
  attention.q_bias = attention.k_bias = attention.v_bias = attention.out_bias = bias;
}

AttentionConfig causal_attention(int hidden_size, int num_heads, int num_key_value_heads, bool bias) {
  AttentionConfig attention;
  attention.num_heads = num_heads;
  attention.num_key_value_heads = num_key_value_heads;
  attention.head_dim = num_heads > 0 && hidden_size % num_heads == 0 ? hidden_size / num_heads : 0;  // validate() rejects 0
  attention.causal = true;
  set_attention_bias(attention, bias);
  return attention;
}

TransformerConfig decoder_of(const LayerConfig& layer, int layers, int vocab_size, int hidden_size) {
  QKV_REQUIRE(layers >= 0 && layers <= kMostLayers, "{} layers are not possible; a stack has at most {}", layers, kMostLayers);
  TransformerConfig network;
  network.kind = Kind::decoder_only;
  network.vocab_size = vocab_size;
  network.hidden_size = hidden_size;
  network.decoder.assign(static_cast<size_t>(layers), layer);
  network.final_norm = layer.norm;
  network.position_table = PositionTable::none;
  network.final_logits_bias = false;
  network.head_norm = layer.norm;
  network.head_activation = layer.feed_forward.activation;
  network.dropout = 0;
  return network;
}

const LayerConfig& first_decoder_layer(const TransformerConfig& network) {
  if (network.kind != Kind::decoder_only || network.decoder.empty()) {
    fail(ErrorCode::unsupported, "the class is a decoder without an encoder, the network is none");
  }
  return network.decoder.front();
}

TransformerConfig read_gpt2_keys(const ConfigReader& in, const Gpt2Defaults& defaults, LayerConfig layer) {
  const int hidden_size = in.integer("n_embd", "hidden_size", defaults.n_embd);
  const int num_heads = in.integer("n_head", "num_attention_heads", defaults.n_head);
  if (hidden_size > (1 << 16)) fail(ErrorCode::bad_input, "{}: \"n_embd\" is {}", in.file(), hidden_size);
  layer.attention = causal_attention(hidden_size, num_heads, num_heads, true);
  layer.attention.dropout = in.number("attn_pdrop", defaults.dropout);
  layer.feed_forward.size = in.integer("n_inner", 4 * hidden_size);
  layer.feed_forward.activation = in.activation("activation_function", Activation::gelu_tanh);
  layer.norm_place = NormPlace::pre;
  layer.norm.epsilon = in.number("layer_norm_epsilon", 1e-5f);
  layer.dropout = in.number("resid_pdrop", defaults.dropout);
  TransformerConfig network = decoder_of(layer, in.integer("n_layer", "num_hidden_layers", defaults.n_layer),
                                         in.integer("vocab_size", defaults.vocab_size), hidden_size);
  network.max_position_embeddings = in.integer("n_positions", "max_position_embeddings", defaults.n_positions);
  network.initializer_range = in.number("initializer_range", 0.02f);
  network.dropout = in.number("embd_pdrop", defaults.dropout);
  network.decoder_start_token_id = defaults.bos_and_eos_token_id;
  network.eos_token_ids = {defaults.bos_and_eos_token_id};
  return network;
}

void write_gpt2_keys(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const LayerConfig& layer = first_decoder_layer(network);
  out["activation_function"] = activation_name(layer.feed_forward.activation);
  out["attn_pdrop"] = shortest(layer.attention.dropout);
  out["embd_pdrop"] = shortest(network.dropout);
  out["initializer_range"] = shortest(network.initializer_range > 0 ? network.initializer_range : 0.02f);
  out["layer_norm_epsilon"] = shortest(layer.norm.epsilon);
  out["n_embd"] = network.hidden_size;
  out["n_head"] = layer.attention.num_heads;
  out["n_inner"] = layer.feed_forward.size;
  out["n_layer"] = network.decoder.size();
  out["n_positions"] = network.max_position_embeddings;
  out["resid_pdrop"] = shortest(layer.dropout);
  out["tie_word_embeddings"] = network.tie_word_embeddings;
  out["use_cache"] = true;
  out["vocab_size"] = network.vocab_size;
}

}  // namespace qkv
