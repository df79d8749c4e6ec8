// T5 (Raffel et al. 2020, transformers' modeling_t5; v1.1, FLAN-T5, MADLAD), mT5 (Xue et al. 2021) and umT5 (Chung et al. 2023): RMSNorm
// before each sub-layer, no biases, learned biases of distances, scores that are not divided by sqrt(d_k). Each comes as an encoder-decoder
// that predicts tokens or, with a head, labels or answers, and as its encoder alone.
#include <fmt/format.h>

#include <cmath>

#include "base/error.h"
#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/encoders/encoder_family.h"
#include "models/json_numbers.h"
#include "nn/uniform_config.h"

namespace qkv {
namespace {

constexpr int kAnyLength = 1 << 24;  // no table of positions limits a sequence

// The defaults and keys in which T5, mT5 and umT5 differ.
struct Type {
  std::string_view model_type, classes;  // the beginning of the names of its classes
  int vocab_size, d_ff, num_layers, num_heads;
  std::string_view feed_forward_proj;
  DistanceBias bias;
  bool scales_output;  // the output may be scaled
};
constexpr Type kT5{"t5", "T5", 32128, 2048, 6, 8, "relu", DistanceBias::t5, true};
constexpr Type kMt5{"mt5", "MT5", 250112, 1024, 8, 6, "gated-gelu", DistanceBias::t5, false};
constexpr Type kUmt5{"umt5", "UMT5", 250112, 1024, 8, 6, "gated-gelu", DistanceBias::t5_per_layer, true};

// "gated-gelu" is the tanh form, "gelu" the exact one.
void read_feed_forward(const ConfigReader& in, const Type& type, UniformConfig& config) {
  constexpr std::string_view kKey = "feed_forward_proj", kGated = "gated-";
  const std::string text = in.has(kKey) ? in.text(kKey) : std::string(type.feed_forward_proj);
  config.gated_ffn = text.starts_with(kGated);
  const std::string name = config.gated_ffn ? text.substr(kGated.size()) : text;
  config.activation = in.activation_named(config.gated_ffn && name == "gelu" ? "gelu_new" : name, kKey);
}

std::string feed_forward_proj(const UniformConfig& config) {
  if (!config.gated_ffn) return std::string(activation_name(config.activation));
  if (config.activation == Activation::gelu_tanh) return "gated-gelu";
  return "gated-" + std::string(config.activation == Activation::gelu ? "gelu_python" : activation_name(config.activation));
}

UniformConfig read_uniform(const ConfigReader& in, const Type& type, Kind kind) {
  UniformConfig config;
  config.kind = kind;
  config.vocab_size = in.integer("vocab_size", type.vocab_size);
  config.hidden_size = in.integer("d_model", "hidden_size", 512);
  config.encoder_layers = in.integer("num_layers", "num_hidden_layers", type.num_layers);
  const int decoder_layers = in.integer("num_decoder_layers", config.encoder_layers);
  config.decoder_layers = config.has_decoder() ? decoder_layers : 0;
  config.num_attention_heads = config.num_key_value_heads = in.integer("num_heads", "num_attention_heads", type.num_heads);
  config.head_dim = in.integer("d_kv", "head_dim", 64);
  if (config.head_dim < 1) fail(ErrorCode::bad_input, "{}: \"d_kv\" is {}", in.file(), config.head_dim);
  config.encoder_ffn_dim = config.decoder_ffn_dim = in.integer("d_ff", type.d_ff);
  read_feed_forward(in, type, config);
  config.norm = NormKind::rms;
  config.norm_position = NormPlace::pre;
  config.layer_norm_epsilon = in.number("layer_norm_epsilon", 1e-6f);
  config.linear_bias = config.scale_embedding = config.final_logits_bias = false;
  config.position = Position::t5;
  config.relative_buckets.count = in.integer("relative_attention_num_buckets", 32);
  config.relative_buckets.max_distance = in.integer("relative_attention_max_distance", 128);
  config.max_position_embeddings = kAnyLength;
  config.dropout = config.attention_dropout = config.activation_dropout = in.number("dropout_rate", 0.1f);
  config.eos_token_ids = {1};
  return config;
}

// Without a key of its own, "tie_word_embeddings" tells T5 from T5 v1.1, which does not scale.
bool scales_output(const ConfigReader& in) {
  const bool tied = in.boolean("tie_word_embeddings", true);
  return in.given("scale_decoder_outputs") ? in.boolean("scale_decoder_outputs", false) : tied;
}

template <const Type& type, Kind kind, Head head>
TransformerConfig read_config(const ConfigReader& in) {
  // transformers' encoders alone say either.
  if (kind == Kind::encoder_decoder) in.expect("is_encoder_decoder", true, "half a model");
  UniformConfig uniform = read_uniform(in, type, kind);
  read_head(in, head, uniform);
  if (kind == Kind::encoder_only) keep_text_ends(in, -1, 1, uniform);
  uniform.classifier_dropout = in.number("classifier_dropout", 0);
  uniform.dropout_before_pooler = true;
  TransformerConfig network = uniform;
  network.head_bias = true;
  for (const Side side : {Side::encoder, Side::decoder}) {
    for (LayerConfig& layer : network.stack(side)) {
      layer.attention.scale = 1;
      layer.attention.distance_bias = type.bias;
      if (layer.cross_attention) layer.cross_attention->scale = 1;
    }
  }
  const bool scales = scales_output(in) && type.scales_output && !network.has_head();
  if (scales) network.output_scale = 1 / std::sqrt(static_cast<float>(network.hidden_size));
  return network;
}

// The network with the attention and the head of a uniform one: T5's peculiarities have no keys.
UniformConfig without_peculiarities(TransformerConfig network) {
  for (const Side side : {Side::encoder, Side::decoder}) {
    for (LayerConfig& layer : network.stack(side)) {
      layer.attention.scale = 0;
      layer.attention.distance_bias = DistanceBias::t5;
      if (layer.cross_attention) layer.cross_attention->scale = 0;
    }
  }
  network.output_scale = 1;
  network.head_bias = false;
  return as_uniform(network);
}

template <const Type& type>
void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const UniformConfig config = without_peculiarities(network);
  out["d_ff"] = config.encoder_ffn_dim;
  out["d_kv"] = config.head_size();
  out["d_model"] = config.hidden_size;
  out["dropout_rate"] = shortest(config.dropout);
  out["feed_forward_proj"] = feed_forward_proj(config);
  out["is_encoder_decoder"] = config.has_decoder();
  out["layer_norm_epsilon"] = shortest(config.layer_norm_epsilon);
  out["num_decoder_layers"] = config.has_decoder() ? config.decoder_layers : config.encoder_layers;
  out["num_heads"] = config.num_attention_heads;
  out["num_layers"] = config.encoder_layers;
  out["relative_attention_max_distance"] = config.relative_buckets.max_distance;
  out["relative_attention_num_buckets"] = config.relative_buckets.count;
  out["tie_word_embeddings"] = config.tie_word_embeddings;
  out["use_cache"] = config.has_decoder();
  out["vocab_size"] = config.vocab_size;
  if (type.scales_output && !network.has_head()) out["scale_decoder_outputs"] = network.output_scale != 1;
  if (!network.has_head()) return;
  write_head(network, out);
  if (!network.has_decoder()) write_text_ends(network, out);
  out["classifier_dropout"] = shortest(config.classifier_dropout);
}

bool is_gated(const LayerConfig& layer) { return layer.feed_forward.gated; }

std::vector<WeightName> encoder_weights() {
  return {{"shared", "embed_tokens"},
          {"encoder.block.0.layer.0.SelfAttention.relative_attention_bias", "encoder.relative_attention_bias"},
          {"encoder.block.{}.layer.0.SelfAttention.relative_attention_bias", "encoder.layers.{}.relative_attention_bias"},
          {"encoder.block.{}.layer.0.layer_norm", "encoder.layers.{}.self_attention_norm"},
          {"encoder.block.{}.layer.0.SelfAttention.q", "encoder.layers.{}.self_attention.q_proj"},
          {"encoder.block.{}.layer.0.SelfAttention.k", "encoder.layers.{}.self_attention.k_proj"},
          {"encoder.block.{}.layer.0.SelfAttention.v", "encoder.layers.{}.self_attention.v_proj"},
          {"encoder.block.{}.layer.0.SelfAttention.o", "encoder.layers.{}.self_attention.out_proj"},
          {"encoder.block.{}.layer.1.layer_norm", "encoder.layers.{}.feed_forward_norm"},
          {"encoder.block.{}.layer.1.DenseReluDense.wi_0", "encoder.layers.{}.feed_forward.gate"},
          {.theirs = "encoder.block.{}.layer.1.DenseReluDense.wi_1", .ours = "encoder.layers.{}.feed_forward.fc1", .when = is_gated},
          {"encoder.block.{}.layer.1.DenseReluDense.wi", "encoder.layers.{}.feed_forward.fc1"},
          {"encoder.block.{}.layer.1.DenseReluDense.wo", "encoder.layers.{}.feed_forward.fc2"},
          {"encoder.final_layer_norm", "encoder.final_norm"}};
}

std::vector<WeightName> decoder_weights() {
  return {{"decoder.block.0.layer.0.SelfAttention.relative_attention_bias", "decoder.relative_attention_bias"},
          {"decoder.block.{}.layer.0.SelfAttention.relative_attention_bias", "decoder.layers.{}.relative_attention_bias"},
          {"decoder.block.{}.layer.0.layer_norm", "decoder.layers.{}.self_attention_norm"},
          {"decoder.block.{}.layer.0.SelfAttention.q", "decoder.layers.{}.self_attention.q_proj"},
          {"decoder.block.{}.layer.0.SelfAttention.k", "decoder.layers.{}.self_attention.k_proj"},
          {"decoder.block.{}.layer.0.SelfAttention.v", "decoder.layers.{}.self_attention.v_proj"},
          {"decoder.block.{}.layer.0.SelfAttention.o", "decoder.layers.{}.self_attention.out_proj"},
          {"decoder.block.{}.layer.1.layer_norm", "decoder.layers.{}.cross_attention_norm"},
          {"decoder.block.{}.layer.1.EncDecAttention.q", "decoder.layers.{}.cross_attention.q_proj"},
          {"decoder.block.{}.layer.1.EncDecAttention.k", "decoder.layers.{}.cross_attention.k_proj"},
          {"decoder.block.{}.layer.1.EncDecAttention.v", "decoder.layers.{}.cross_attention.v_proj"},
          {"decoder.block.{}.layer.1.EncDecAttention.o", "decoder.layers.{}.cross_attention.out_proj"},
          {"decoder.block.{}.layer.2.layer_norm", "decoder.layers.{}.feed_forward_norm"},
          {"decoder.block.{}.layer.2.DenseReluDense.wi_0", "decoder.layers.{}.feed_forward.gate"},
          {.theirs = "decoder.block.{}.layer.2.DenseReluDense.wi_1", .ours = "decoder.layers.{}.feed_forward.fc1", .when = is_gated},
          {"decoder.block.{}.layer.2.DenseReluDense.wi", "decoder.layers.{}.feed_forward.fc1"},
          {"decoder.block.{}.layer.2.DenseReluDense.wo", "decoder.layers.{}.feed_forward.fc2"},
          {"decoder.final_layer_norm", "decoder.final_norm"}};
}

// The classes differ in the names of their head and in the prefix of those of the network without it.
template <const Type& type, Kind kind, Head head>
Architecture architecture(std::string_view class_name, std::string_view prefix, std::vector<WeightName> head_names) {
  std::vector<WeightName> base = encoder_weights();
  if (kind == Kind::encoder_decoder) {
    const std::vector<WeightName> decoder = decoder_weights();
    base.insert(base.end(), decoder.begin(), decoder.end());
  }
  Architecture result{.class_name = class_name,
                      .model_type = type.model_type,
                      .read_config = read_config<type, kind, head>,
                      .write_config = write_config<type>,
                      .base_prefix = "transformer.",
                      .weights = names_of(prefix, base, std::move(head_names)),
                      .ignored = {"decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"},
                      .tied_by_weights = true};
  const bool prefixed = !prefix.empty();
  result.copies = {{prefixed ? "transformer.encoder.embed_tokens.weight" : "encoder.embed_tokens.weight", "embed_tokens.weight"}};
  if (kind == Kind::encoder_decoder)
    result.copies.push_back({prefixed ? "transformer.decoder.embed_tokens.weight" : "decoder.embed_tokens.weight", "embed_tokens.weight"});
  if (kind == Kind::encoder_decoder && head == Head::masked_lm) result.copies.push_back({"lm_head.weight", "embed_tokens.weight"});
  // Files of the whole model may stand for its encoder.
  if (kind == Kind::encoder_only) result.other_parts = {"decoder.", "transformer.decoder."};
  if (head != Head::masked_lm) result.ignored.push_back("lm_head.weight");  // left from the model that predicts tokens
  return result;
}

template <const Type& type>
std::vector<Architecture> family() {
  // An Architecture refers to the names of its class, which are made once.
  static const std::string generation = fmt::format("{}ForConditionalGeneration", type.classes),
                           encoder = fmt::format("{}EncoderModel", type.classes),
                           classification = fmt::format("{}ForSequenceClassification", type.classes),
                           tokens = fmt::format("{}ForTokenClassification", type.classes),
                           answers = fmt::format("{}ForQuestionAnswering", type.classes);
  constexpr Kind both = Kind::encoder_decoder, alone = Kind::encoder_only;
  return {architecture<type, both, Head::masked_lm>(generation, "", {{"lm_head", "output"}}),
          architecture<type, both, Head::classification>(
              classification, "transformer.",
              {{"classification_head.dense", "head.pooler"}, {"classification_head.out_proj", "head.classifier"}}),
          architecture<type, both, Head::question_answering>(answers, "", {{"qa_outputs", "head.classifier"}}),
          architecture<type, alone, Head::token_classification>(tokens, "transformer.", {{"classifier", "head.classifier"}}),
          architecture<type, alone, Head::none>(encoder, "", {})};
}

}  // namespace

std::vector<Architecture> t5_family() { return family<kT5>(); }
std::vector<Architecture> mt5_family() { return family<kMt5>(); }
std::vector<Architecture> umt5_family() { return family<kUmt5>(); }

}  // namespace qkv
