// EuroBERT (Boizard et al. 2025, transformers' modeling_eurobert): an encoder with Llama's layers.

#include "base/error.h"
#include "base/names.h"
#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/encoders/encoder_family.h"
#include "models/json_numbers.h"
#include "models/rope_config.h"

namespace qkv {
namespace {

constexpr ChoiceName<HeadPooling> kPoolings[] = {
    {"late", HeadPooling::mean_of_pooled}, {"bos", HeadPooling::first}, {"mean", HeadPooling::mean}};

HeadPooling read_pooling(const ConfigReader& in) {
  const std::string_view key = in.has("classifier_pooling") || !in.has("clf_pooling") ? "classifier_pooling" : "clf_pooling";
  const std::string name = in.has(key) ? in.text(key) : "late";
  if (const HeadPooling* found = find_choice(kPoolings, name)) return *found;
  fail(ErrorCode::unsupported, "{}: \"{}\" is \"{}\"; there are {}", in.file(), key, shortened(name, 60), list_of_names(kPoolings));
}

UniformConfig read_sizes(const ConfigReader& in) {
  UniformConfig config;
  config.kind = Kind::encoder_only;
  config.decoder_layers = 0;
  config.vocab_size = in.integer("vocab_size", 128256);
  config.hidden_size = in.integer("hidden_size", 768);
  config.encoder_layers = in.integer("num_hidden_layers", 12);
  config.num_attention_heads = in.integer("num_attention_heads", 12);
  config.num_key_value_heads = in.integer("num_key_value_heads", config.num_attention_heads);
  config.head_dim = in.integer("head_dim", 0);
  if (in.has("head_dim") && config.head_dim < 1) fail(ErrorCode::bad_input, "{}: \"head_dim\" is {}", in.file(), config.head_dim);
  config.encoder_ffn_dim = config.decoder_ffn_dim = in.integer("intermediate_size", 3072);
  config.activation = in.activation("hidden_act", Activation::silu);
  config.gated_ffn = true;
  config.norm = NormKind::rms;
  config.norm_position = NormPlace::pre;
  config.layer_norm_epsilon = in.number("rms_norm_eps", 1e-5f);
  config.linear_bias = in.boolean("mlp_bias", false);
  config.scale_embedding = config.final_logits_bias = false;
  config.tie_word_embeddings = in.boolean("tie_word_embeddings", false);
  config.max_position_embeddings = in.integer("max_position_embeddings", 8192);
  config.initializer_range = in.number("initializer_range", 0.02f);
  config.dropout = 0;
  config.attention_dropout = in.number("attention_dropout", 0);
  config.position = Position::rope;
  config.rope = read_rope(in, {.max_position_embeddings = config.max_position_embeddings});
  return config;
}

template <Head head>
TransformerConfig read_config(const ConfigReader& in) {
  in.expect("is_decoder", false, "a decoder");
  UniformConfig sizes = read_sizes(in);
  read_head(in, head, sizes);
  sizes.pooler_activation = Activation::gelu;
  keep_text_ends(in, 128000, 128001, sizes);
  sizes.pad_token_id = 128001;
  TransformerConfig config = sizes;
  config.head_transform = false;
  config.head_bias = true;
  config.head_output_bias = sizes.linear_bias;
  config.head_pooling = read_pooling(in);
  const bool attention_bias = in.boolean("attention_bias", false);
  for (LayerConfig& layer : config.encoder) {
    AttentionConfig& attention = layer.attention;
    attention.q_bias = attention.k_bias = attention.v_bias = attention.out_bias = attention_bias;
  }
  return config;
}

void write_config(const TransformerConfig& config, nlohmann::ordered_json& out) {
  if (config.encoder.empty() || !config.encoder.front().attention.rope) {
    fail(ErrorCode::unsupported, "the class is an encoder with rotary positions");
  }
  const LayerConfig& layer = config.encoder.front();
  out["attention_bias"] = layer.attention.q_bias;
  out["attention_dropout"] = shortest(layer.attention.dropout);
  out["classifier_pooling"] = name_of_choice(kPoolings, config.head_pooling);
  out["head_dim"] = layer.attention.head_dim;
  out["hidden_act"] = activation_name(layer.feed_forward.activation);
  out["hidden_size"] = config.hidden_size;
  out["initializer_range"] = shortest(config.initializer_range > 0 ? config.initializer_range : 0.02f);
  out["intermediate_size"] = layer.feed_forward.size;
  out["max_position_embeddings"] = config.max_position_embeddings;
  out["mlp_bias"] = layer.feed_forward.bias;
  out["num_attention_heads"] = layer.attention.num_heads;
  out["num_hidden_layers"] = config.encoder.size();
  out["num_key_value_heads"] = layer.attention.num_key_value_heads;
  out["pretraining_tp"] = 1;
  out["rms_norm_eps"] = shortest(layer.norm.epsilon);
  write_rope(*layer.attention.rope, out);
  out["tie_word_embeddings"] = config.tie_word_embeddings;
  out["vocab_size"] = config.vocab_size;
  write_head(config, out);
  write_text_ends(config, out);
}

const std::vector<WeightName>& base_names() {
  static const std::vector<WeightName> names = {
      {"embed_tokens", "embed_tokens"},
      {"layers.{}.input_layernorm", "encoder.layers.{}.self_attention_norm"},
      {"layers.{}.self_attn.q_proj", "encoder.layers.{}.self_attention.q_proj"},
      {"layers.{}.self_attn.k_proj", "encoder.layers.{}.self_attention.k_proj"},
      {"layers.{}.self_attn.v_proj", "encoder.layers.{}.self_attention.v_proj"},
      {"layers.{}.self_attn.o_proj", "encoder.layers.{}.self_attention.out_proj"},
      {"layers.{}.post_attention_layernorm", "encoder.layers.{}.feed_forward_norm"},
      {"layers.{}.mlp.gate_proj", "encoder.layers.{}.feed_forward.gate"},
      {"layers.{}.mlp.up_proj", "encoder.layers.{}.feed_forward.fc1"},
      {"layers.{}.mlp.down_proj", "encoder.layers.{}.feed_forward.fc2"},
      {"norm", "encoder.final_norm"},
  };
  return names;
}

template <Head head>
Architecture with_head(std::string_view class_name, std::vector<WeightName> head_names) {
  Architecture architecture{.class_name = class_name,
                            .model_type = "eurobert",
                            .read_config = read_config<head>,
                            .write_config = write_config,
                            .base_prefix = "model.",
                            .weights = names_of(head == Head::none ? "" : "model.", base_names(), std::move(head_names))};
  if (head == Head::masked_lm) architecture.copies = {{"lm_head.weight", "embed_tokens.weight"}};
  if (head == Head::none) {  // files with a head, too
    architecture.ignored = {"lm_head.weight", "lm_head.bias", "dense.weight", "dense.bias", "classifier.weight", "classifier.bias"};
  }
  return architecture;
}

}  // namespace

std::vector<Architecture> eurobert_family() {
  return {
      with_head<Head::masked_lm>("EuroBertForMaskedLM", {{"lm_head", "head"}, {"lm_head", "output"}}),
      with_head<Head::classification>("EuroBertForSequenceClassification", {{"dense", "head.pooler"}, {"classifier", "head.classifier"}}),
      with_head<Head::token_classification>("EuroBertForTokenClassification", {{"classifier", "head.classifier"}}),
      with_head<Head::none>("EuroBertModel", {}),
  };
}

}  // namespace qkv
