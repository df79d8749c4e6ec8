#include "models/arch/encoders/rotary_encoder_family.h"

#include "base/error.h"
#include "formats/json.h"
#include "models/json_numbers.h"
#include "models/rope_config.h"

namespace qkv {

UniformConfig read_rotary_encoder(const ConfigReader& in, Head head, const RotaryEncoderDefaults& defaults,
                                  const std::optional<RopeOptions>& rope) {
  in.expect("is_decoder", false, "a decoder");
  if (head == Head::masked_lm) in.expect("tie_word_embeddings", true, "an output layer that is not the embedding");
  UniformConfig config = read_encoder(in, defaults.sizes);
  config.token_types = in.integer("type_vocab_size", defaults.sizes.token_types);
  config.gated_ffn = defaults.gated;
  config.position = Position::rope;
  config.rope = rope ? *rope : read_rope(in, {.max_position_embeddings = config.max_position_embeddings, .theta = defaults.theta});
  read_head(in, head, config);
  return config;
}

TransformerConfig with_biases(const UniformConfig& config, const RotaryEncoderDefaults& defaults) {
  TransformerConfig network = config;
  for (LayerConfig& layer : network.encoder) {
    AttentionConfig& attention = layer.attention;
    attention.q_bias = attention.k_bias = attention.v_bias = attention.out_bias = defaults.attention_bias;
    layer.feed_forward.bias = defaults.feed_forward_bias;
    layer.feed_forward.inner_bias = defaults.inner_bias;
  }
  return network;
}

void write_rotary_encoder(const TransformerConfig& config, nlohmann::ordered_json& out) {
  const UniformConfig first = first_layer_of(config);
  if (first.position != Position::rope) fail(ErrorCode::unsupported, "the class has rotary positions");
  write_encoder(first, out);
  out["type_vocab_size"] = config.token_types;
  write_rope(first.rope, out);
  write_head(config, out);
  out["classifier_dropout"] = shortest(config.classifier_dropout);
}

std::vector<WeightName> rotary_encoder_names(std::string_view prefix, const RotaryEncoderDefaults& defaults,
                                             std::vector<WeightName> head_names) {
  std::vector<WeightName> names = {
      {"embeddings.word_embeddings", "embed_tokens"},
      {"embeddings.token_type_embeddings", "encoder.embed_token_types"},
      {"embeddings.LayerNorm", "encoder.embedding_norm"},
      {"layers.{}.self_attn.q_proj", "encoder.layers.{}.self_attention.q_proj"},
      {"layers.{}.self_attn.k_proj", "encoder.layers.{}.self_attention.k_proj"},
      {"layers.{}.self_attn.v_proj", "encoder.layers.{}.self_attention.v_proj"},
      {"layers.{}.self_attn.o_proj", "encoder.layers.{}.self_attention.out_proj"},
      {"layers.{}.post_attention_layernorm", "encoder.layers.{}.self_attention_norm"},
      {"layers.{}.post_mlp_layernorm", "encoder.layers.{}.feed_forward_norm"},
      {defaults.gated ? "layers.{}.mlp.up_proj" : "layers.{}.mlp.fc1", "encoder.layers.{}.feed_forward.fc1"},
      {defaults.gated ? "layers.{}.mlp.down_proj" : "layers.{}.mlp.fc2", "encoder.layers.{}.feed_forward.fc2"},
      {"layers.{}.mlp.gate_proj", "encoder.layers.{}.feed_forward.gate"},
  };
  return names_of(prefix, names, std::move(head_names));
}

}  // namespace qkv
