// ModernBERT (Warner et al. 2024, transformers' modeling_modernbert): norms before each sub-layer, rotary positions, GEGLU, and layers that
// see all tokens between layers that see a window. The first layer's attention reads the normed embeddings as they are.
#include <algorithm>

#include "base/error.h"
#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/encoders/encoder_family.h"
#include "models/arch/encoders/rotary_encoder_family.h"
#include "models/json_numbers.h"
#include "models/rope_config.h"

namespace qkv {
namespace {

constexpr std::string_view kFull = "full_attention", kSliding = "sliding_attention";
constexpr float kGlobalTheta = 160000, kLocalTheta = 10000;

// The type of each layer.
std::vector<std::string> read_layer_types(const ConfigReader& in, int layers) {
  const int every = in.integer("global_attn_every_n_layers", 3);
  std::vector<std::string> types = in.texts("layer_types");
  if (types.empty()) {
    if (every < 1) fail(ErrorCode::bad_input, "{}: \"global_attn_every_n_layers\" is {}; it must be 1 or more", in.file(), every);
    for (int i = 0; i < layers; ++i) types.emplace_back(i % every == 0 ? kFull : kSliding);
  }
  if (std::ssize(types) != layers) {
    fail(ErrorCode::bad_input, "{}: \"layer_types\" has {} entries for {} layers", in.file(), types.size(), layers);
  }
  for (const std::string& type : types) {
    if (type == kFull || type == kSliding) continue;
    fail(ErrorCode::unsupported, "{}: \"layer_types\" has \"{}\"; there are {}, {}", in.file(), shortened(type, 60), kFull, kSliding);
  }
  return types;
}

RopeOptions read_rope_of(const ConfigReader& in, std::string_view type, const UniformConfig& config) {
  const bool full = type == kFull;
  RopeOptions rope = read_rope(in, {.max_position_embeddings = config.max_position_embeddings,
                                    .theta = in.number(full ? "global_rope_theta" : "local_rope_theta", full ? kGlobalTheta : kLocalTheta),
                                    .layer_type = type});
  rope.rotary_dim = config.num_attention_heads > 0 ? config.head_size() : 0;
  return rope;
}

HeadPooling read_pooling(const ConfigReader& in) {
  const std::string name = in.has("classifier_pooling") ? in.text("classifier_pooling") : "cls";
  if (name == "cls") return HeadPooling::first;
  if (name == "mean") return HeadPooling::mean;
  fail(ErrorCode::unsupported, "{}: \"classifier_pooling\" is \"{}\"; there are cls, mean", in.file(), shortened(name, 60));
}

UniformConfig read_sizes(const ConfigReader& in) {
  UniformConfig config;
  config.kind = Kind::encoder_only;
  config.decoder_layers = 0;
  config.vocab_size = in.integer("vocab_size", 50368);
  config.hidden_size = in.integer("hidden_size", 768);
  config.encoder_layers = in.integer("num_hidden_layers", 22);
  config.num_attention_heads = config.num_key_value_heads = in.integer("num_attention_heads", 12);
  config.encoder_ffn_dim = config.decoder_ffn_dim = in.integer("intermediate_size", 1152);
  config.activation = in.activation("hidden_activation", Activation::gelu);
  config.gated_ffn = true;
  config.norm_position = NormPlace::pre;
  config.layer_norm_epsilon = in.number("norm_eps", 1e-5f);
  config.max_position_embeddings = in.integer("max_position_embeddings", 8192);
  config.initializer_range = in.number("initializer_range", 0.02f);
  config.position = Position::none;
  config.embedding_norm = true;
  config.scale_embedding = config.final_logits_bias = false;
  config.tie_word_embeddings = in.boolean("tie_word_embeddings", true);
  config.dropout = in.number("embedding_dropout", 0);
  config.attention_dropout = in.number("attention_dropout", 0);
  config.activation_dropout = in.number("mlp_dropout", 0);
  return config;
}

template <Head head>
TransformerConfig read_config(const ConfigReader& in) {
  UniformConfig sizes = read_sizes(in);
  read_head(in, head, sizes);
  sizes.classifier_dropout = in.number("classifier_dropout", 0);
  sizes.pooler_activation = in.activation("classifier_activation", Activation::gelu);
  keep_text_ends(in, 50281, 50282, sizes);
  sizes.pad_token_id = 50283;
  const std::vector<std::string> types = read_layer_types(in, sizes.encoder_layers);
  const int window = in.integer("local_attention", 128) / 2 + 1;
  if (window < 1) fail(ErrorCode::bad_input, "{}: \"local_attention\" is {}; it must be 0 or more", in.file(), 2 * (window - 1));
  const RopeOptions full = read_rope_of(in, kFull, sizes), sliding = read_rope_of(in, kSliding, sizes);

  TransformerConfig config = sizes;
  config.head_activation = sizes.pooler_activation;
  config.head_bias = in.boolean("classifier_bias", false);
  config.head_output_bias = in.boolean("decoder_bias", true);
  config.head_pooling = read_pooling(in);
  config.pooler_norm = config.pooler_of_tokens = true;
  const bool attention_bias = in.boolean("attention_bias", false), mlp_bias = in.boolean("mlp_bias", false);
  for (size_t i = 0; i < config.encoder.size(); ++i) {
    LayerConfig& layer = config.encoder[i];
    AttentionConfig& attention = layer.attention;
    attention.q_bias = attention.k_bias = attention.v_bias = attention.out_bias = attention_bias;
    attention.window = types[i] == kSliding ? window : 0;
    attention.rope = types[i] == kSliding ? sliding : full;
    layer.feed_forward.bias = mlp_bias;
    layer.attention_norm = i > 0;
    layer.dropout = 0;
    layer.norm.bias = in.boolean("norm_bias", false);
  }
  config.final_norm->bias = config.embedding_norm->bias = config.head_norm.bias = in.boolean("norm_bias", false);
  return config;
}

void write_layer_types(const TransformerConfig& config, nlohmann::ordered_json& out) {
  RopeOptions full{.theta = kGlobalTheta}, sliding{.theta = kLocalTheta};
  int window = 65;
  std::vector<std::string> types;
  for (const LayerConfig& layer : config.encoder) {
    const AttentionConfig& attention = layer.attention;
    if (!attention.rope) fail(ErrorCode::unsupported, "the class has rotary positions");
    types.emplace_back(attention.window > 0 ? kSliding : kFull);
    (attention.window > 0 ? sliding : full) = *attention.rope;
    if (attention.window > 0) window = attention.window;
  }
  out["layer_types"] = types;
  out["local_attention"] = 2 * (window - 1);
  out["rope_parameters"][std::string(kFull)] = rope_parameters(full);
  out["rope_parameters"][std::string(kSliding)] = rope_parameters(sliding);
  // Keys of transformers before 5.
  const auto second_full = std::find(types.begin() + 1, types.end(), kFull);
  out["global_attn_every_n_layers"] = second_full - types.begin();
  out["global_rope_theta"] = shortest(static_cast<float>(full.theta));
  out["local_rope_theta"] = shortest(static_cast<float>(sliding.theta));
}

void write_config(const TransformerConfig& config, nlohmann::ordered_json& out) {
  if (config.encoder.empty()) fail(ErrorCode::unsupported, "the class is an encoder");
  const LayerConfig& layer = config.encoder.front();
  out["attention_bias"] = layer.attention.q_bias;
  out["attention_dropout"] = shortest(layer.attention.dropout);
  out["classifier_activation"] = activation_name(config.head == Head::masked_lm ? config.head_activation : config.pooler_activation);
  out["classifier_bias"] = config.head_bias;
  out["classifier_dropout"] = shortest(config.classifier_dropout);
  out["classifier_pooling"] = config.head_pooling == HeadPooling::mean ? "mean" : "cls";
  out["decoder_bias"] = config.head_output_bias;
  out["embedding_dropout"] = shortest(config.dropout);
  out["hidden_activation"] = activation_name(layer.feed_forward.activation);
  out["hidden_size"] = config.hidden_size;
  out["initializer_cutoff_factor"] = 2.0;
  out["initializer_range"] = shortest(config.initializer_range > 0 ? config.initializer_range : 0.02f);
  out["intermediate_size"] = layer.feed_forward.size;
  write_layer_types(config, out);
  out["max_position_embeddings"] = config.max_position_embeddings;
  out["mlp_bias"] = layer.feed_forward.bias;
  out["mlp_dropout"] = shortest(layer.feed_forward.dropout);
  out["norm_bias"] = layer.norm.bias;
  out["norm_eps"] = shortest(layer.norm.epsilon);
  out["num_attention_heads"] = layer.attention.num_heads;
  out["num_hidden_layers"] = config.encoder.size();
  out["sparse_pred_ignore_index"] = -100;
  out["tie_word_embeddings"] = config.tie_word_embeddings;
  out["vocab_size"] = config.vocab_size;
  write_head(config, out);
  write_text_ends(config, out);
  out["cls_token_id"] = out["bos_token_id"];
  out["sep_token_id"] = out["eos_token_id"];
}

const std::vector<WeightName>& base_names() {
  static const std::vector<WeightName> names = {
      {.theirs = "embeddings.tok_embeddings", .ours = "embed_tokens"},
      {.theirs = "embeddings.norm", .ours = "encoder.embedding_norm"},
      {.theirs = "layers.{}.attn_norm", .ours = "encoder.layers.{}.self_attention_norm"},
      {.theirs = "layers.{}.attn.Wqkv", .ours = "encoder.layers.{}.self_attention.q_proj", .part = qkv_part(0)},
      {.theirs = "layers.{}.attn.Wqkv", .ours = "encoder.layers.{}.self_attention.k_proj", .part = qkv_part(1)},
      {.theirs = "layers.{}.attn.Wqkv", .ours = "encoder.layers.{}.self_attention.v_proj", .part = qkv_part(2)},
      {.theirs = "layers.{}.attn.Wo", .ours = "encoder.layers.{}.self_attention.out_proj"},
      {.theirs = "layers.{}.mlp_norm", .ours = "encoder.layers.{}.feed_forward_norm"},
      {.theirs = "layers.{}.mlp.Wi", .ours = "encoder.layers.{}.feed_forward.gate", .part = gate_up_part(0)},
      {.theirs = "layers.{}.mlp.Wi", .ours = "encoder.layers.{}.feed_forward.fc1", .part = gate_up_part(1)},
      {.theirs = "layers.{}.mlp.Wo", .ours = "encoder.layers.{}.feed_forward.fc2"},
      {.theirs = "final_norm", .ours = "encoder.final_norm"},
  };
  return names;
}

template <Head head>
Architecture with_head(std::string_view class_name, std::vector<WeightName> head_names) {
  Architecture architecture{.class_name = class_name,
                            .model_type = "modernbert",
                            .read_config = read_config<head>,
                            .write_config = write_config,
                            .base_prefix = "model.",
                            .weights = names_of(head == Head::none ? "" : "model.", base_names(), std::move(head_names))};
  if (head == Head::masked_lm) architecture.copies = {{"decoder.weight", "embed_tokens.weight"}};
  if (head == Head::none) {  // files with a head, too
    architecture.ignored = {"head.dense.weight", "head.dense.bias", "head.norm.weight",  "head.norm.bias",
                            "decoder.weight",    "decoder.bias",    "classifier.weight", "classifier.bias"};
  }
  return architecture;
}

}  // namespace

std::vector<Architecture> modernbert_family() {
  const std::vector<WeightName> labels = {{"head.dense", "head.pooler"}, {"head.norm", "head.norm"}, {"classifier", "head.classifier"}};
  return {
      with_head<Head::masked_lm>("ModernBertForMaskedLM",
                                 {{"head.dense", "head.dense"}, {"head.norm", "head.norm"}, {"decoder", "head"}, {"decoder", "output"}}),
      with_head<Head::classification>("ModernBertForSequenceClassification", labels),
      with_head<Head::multiple_choice>("ModernBertForMultipleChoice", labels),
      with_head<Head::token_classification>("ModernBertForTokenClassification", labels),
      with_head<Head::question_answering>("ModernBertForQuestionAnswering", labels),
      with_head<Head::none>("ModernBertModel", {}),
  };
}

}  // namespace qkv
