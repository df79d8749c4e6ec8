// DeBERTa v2 and v3 (He et al. 2021, transformers' modeling_deberta_v2): BERT with disentangled attention, mostly without rows for absolute
// positions.
#include <cmath>

#include "base/error.h"
#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/encoders/encoder_family.h"
#include "models/json_numbers.h"

namespace qkv {
namespace {

const EncoderDefaults kDefaults = {
    .vocab_size = 128100, .hidden_size = 1536, .layers = 24, .heads = 24, .ffn_size = 6144, .token_types = 0, .epsilon = 1e-7f};

// "pos_att_type": a list, or a text with "|" between the names.
std::vector<std::string> read_kinds(const ConfigReader& in) {
  if (!in.is_text("pos_att_type")) return in.texts("pos_att_type");
  std::vector<std::string> kinds{""};
  for (const char c : in.text("pos_att_type")) {
    if (c == '|') kinds.emplace_back();
    if (c != '|' && c != ' ') kinds.back() += c;
  }
  std::erase(kinds, "");
  return kinds;
}

std::optional<DisentangledConfig> read_disentangled(const ConfigReader& in, float dropout) {
  DisentangledConfig config{.content_to_position = false,
                            .position_to_content = false,
                            .own_projections = !in.boolean("share_att_key", false),
                            .dropout = dropout};
  for (const std::string& kind : read_kinds(in)) {
    if (kind != "c2p" && kind != "p2c") {
      fail(ErrorCode::unsupported, "{}: \"pos_att_type\" has \"{}\"; there are c2p, p2c", in.file(), shortened(kind, 60));
    }
    (kind == "c2p" ? config.content_to_position : config.position_to_content) = true;
  }
  const bool any = config.content_to_position || config.position_to_content, relative = in.boolean("relative_attention", false);
  if (relative != any) {
    fail(ErrorCode::unsupported, "{}: \"relative_attention\" is {} and \"pos_att_type\" names {}; only both or neither are supported",
         in.file(), relative, any ? "kinds of scores" : "none");
  }
  return any ? std::optional(config) : std::nullopt;
}

RelativeTable read_table(const ConfigReader& in, const UniformConfig& config) {
  RelativeTable table{.max_distance = in.integer("max_relative_positions", -1), .buckets = std::max(in.integer("position_buckets", -1), 0)};
  if (table.max_distance < 1) table.max_distance = config.max_position_embeddings;
  const std::string norm = in.has("norm_rel_ebd") ? in.text("norm_rel_ebd") : "none";
  if (norm != "none" && norm != "layer_norm") {
    fail(ErrorCode::unsupported, "{}: \"norm_rel_ebd\" is \"{}\"; there are none, layer_norm", in.file(), shortened(norm, 60));
  }
  if (norm == "layer_norm") table.norm = NormConfig{.epsilon = config.layer_norm_epsilon};
  return table;
}

void refuse_parts(const ConfigReader& in, const UniformConfig& config) {
  for (const auto& [key, wanted] :
       {std::pair{"embedding_size", config.hidden_size},
        {"pooler_hidden_size", config.hidden_size},
        {"attention_head_size", config.num_attention_heads > 0 ? config.hidden_size / config.num_attention_heads : 0}}) {
    if (const int size = in.integer(key, wanted); size != wanted) {
      fail(ErrorCode::unsupported, "{}: \"{}\" is {}; only {} is supported beside its \"hidden_size\"", in.file(), key, size, wanted);
    }
  }
}

// The convolution beside the first layer, as in v2's xlarge.
std::optional<ConvolutionConfig> read_convolution(const ConfigReader& in) {
  const int width = in.integer("conv_kernel_size", 0);
  if (width <= 0) return {};
  return ConvolutionConfig{
      .width = width, .activation = in.activation("conv_act", Activation::tanh), .groups = in.integer("conv_groups", 1)};
}

template <Head head>
TransformerConfig read_config(const ConfigReader& in) {
  refuse_other_networks(in, head);
  UniformConfig config = read_encoder(in, kDefaults);
  refuse_parts(in, config);
  config.token_types = in.integer("type_vocab_size", 0);
  if (!in.boolean("position_biased_input", true)) config.position = Position::none;
  read_head(in, head, config);
  config.pooler_activation = in.activation("pooler_hidden_act", Activation::gelu);
  config.classifier_dropout = in.number("cls_dropout", config.dropout);
  TransformerConfig network = config;
  if (!network.encoder.empty()) network.encoder.front().convolution = read_convolution(in);
  const std::optional<DisentangledConfig> disentangled = read_disentangled(in, config.dropout);
  if (!disentangled) return network;
  network.relative_table = read_table(in, config);
  const int terms = 1 + disentangled->content_to_position + disentangled->position_to_content;
  for (LayerConfig& layer : network.encoder) {
    layer.attention.disentangled = disentangled;
    layer.attention.scale = 1 / std::sqrt(static_cast<float>(terms * layer.attention.head_dim));
  }
  return network;
}

void write_config(const TransformerConfig& config, nlohmann::ordered_json& out) {
  const UniformConfig first = first_layer_of(config);
  if (config.encoder.empty()) fail(ErrorCode::unsupported, "the class is an encoder");
  const std::optional<DisentangledConfig>& disentangled = config.encoder.front().attention.disentangled;
  write_encoder(first, out);
  write_head(config, out);
  out["type_vocab_size"] = config.token_types;
  out["position_biased_input"] = config.position_table == PositionTable::learned;
  out["pooler_hidden_act"] = activation_name(config.pooler_activation);
  out["pooler_hidden_size"] = config.hidden_size;
  out["pooler_dropout"] = 0;
  out["cls_dropout"] = shortest(config.classifier_dropout);
  out["legacy"] = true;
  out["relative_attention"] = disentangled.has_value();
  if (const std::optional<ConvolutionConfig>& convolution = config.encoder.front().convolution) {
    out["conv_kernel_size"] = convolution->width;
    out["conv_act"] = activation_name(convolution->activation);
    out["conv_groups"] = convolution->groups;
  }
  out["max_relative_positions"] = -1;  // as many as "max_position_embeddings"
  if (!disentangled) return;
  std::vector<std::string> kinds;
  if (disentangled->position_to_content) kinds.emplace_back("p2c");
  if (disentangled->content_to_position) kinds.emplace_back("c2p");
  out["pos_att_type"] = kinds;
  out["share_att_key"] = !disentangled->own_projections;
  if (config.relative_table.max_distance != config.max_position_embeddings) {
    out["max_relative_positions"] = config.relative_table.max_distance;
  }
  out["position_buckets"] = config.relative_table.buckets > 0 ? config.relative_table.buckets : -1;
  out["norm_rel_ebd"] = config.relative_table.norm ? "layer_norm" : "none";
}

const std::vector<WeightName>& base_names() {
  static const std::vector<WeightName> names = {
      {"embeddings.word_embeddings", "embed_tokens"},
      {"embeddings.position_embeddings", "encoder.embed_positions"},
      {"embeddings.token_type_embeddings", "encoder.embed_token_types"},
      {"embeddings.LayerNorm", "encoder.embedding_norm"},
      {"encoder.rel_embeddings", "encoder.relative_positions"},
      {"encoder.LayerNorm", "encoder.relative_norm"},
      {"encoder.conv.conv", "encoder.layers.0.convolution"},
      {"encoder.conv.LayerNorm", "encoder.layers.0.convolution_norm"},
      {"encoder.layer.{}.attention.self.query_proj", "encoder.layers.{}.self_attention.q_proj"},
      {"encoder.layer.{}.attention.self.key_proj", "encoder.layers.{}.self_attention.k_proj"},
      {"encoder.layer.{}.attention.self.value_proj", "encoder.layers.{}.self_attention.v_proj"},
      {"encoder.layer.{}.attention.self.pos_query_proj", "encoder.layers.{}.self_attention.position_q_proj"},
      {"encoder.layer.{}.attention.self.pos_key_proj", "encoder.layers.{}.self_attention.position_k_proj"},
      {"encoder.layer.{}.attention.output.dense", "encoder.layers.{}.self_attention.out_proj"},
      {"encoder.layer.{}.attention.output.LayerNorm", "encoder.layers.{}.self_attention_norm"},
      {"encoder.layer.{}.intermediate.dense", "encoder.layers.{}.feed_forward.fc1"},
      {"encoder.layer.{}.output.dense", "encoder.layers.{}.feed_forward.fc2"},
      {"encoder.layer.{}.output.LayerNorm", "encoder.layers.{}.feed_forward_norm"},
  };
  return names;
}

template <Head head>
Architecture with_head(std::string_view class_name, std::vector<WeightName> head_names) {
  Architecture architecture{
      .class_name = class_name,
      .model_type = "deberta-v2",
      .read_config = read_config<head>,
      .write_config = write_config,
      .base_prefix = "deberta.",
      .weights = names_of(head == Head::none ? "" : "deberta.", base_names(), std::move(head_names)),
      // The authors' files have them whatever the class and its settings are.
      .ignored = {"deberta.embeddings.position_ids", "deberta.embeddings.position_embeddings.weight", "mask_predictions.dense.weight",
                  "mask_predictions.dense.bias", "mask_predictions.LayerNorm.weight", "mask_predictions.LayerNorm.bias",
                  "mask_predictions.classifier.weight", "mask_predictions.classifier.bias"}};
  if (head == Head::masked_lm) {
    // The same head under the names of files whose "legacy" is false.
    architecture.older_weights = {{"lm_predictions.lm_head.dense", "head.dense"},
                                  {"lm_predictions.lm_head.LayerNorm", "head.norm"},
                                  {"lm_predictions.lm_head", "head"}};
    architecture.copies = {{"cls.predictions.decoder.weight", "embed_tokens.weight"}, {"cls.predictions.decoder.bias", "head.bias"}};
    return architecture;
  }
  for (const std::string_view of_head :
       {"cls.predictions.bias", "cls.predictions.decoder.weight", "cls.predictions.decoder.bias", "cls.predictions.transform.dense.weight",
        "cls.predictions.transform.dense.bias", "cls.predictions.transform.LayerNorm.weight", "cls.predictions.transform.LayerNorm.bias",
        "lm_predictions.lm_head.bias", "lm_predictions.lm_head.dense.weight", "lm_predictions.lm_head.dense.bias",
        "lm_predictions.lm_head.LayerNorm.weight", "lm_predictions.lm_head.LayerNorm.bias"}) {
    architecture.ignored.push_back(of_head);
  }
  return architecture;
}

}  // namespace

std::vector<Architecture> deberta_v2_family() {
  return {
      with_head<Head::masked_lm>("DebertaV2ForMaskedLM", {{"cls.predictions.transform.dense", "head.dense"},
                                                          {"cls.predictions.transform.LayerNorm", "head.norm"},
                                                          {"cls.predictions", "head"}}),
      with_head<Head::classification>("DebertaV2ForSequenceClassification",
                                      {{"pooler.dense", "head.pooler"}, {"classifier", "head.classifier"}}),
      with_head<Head::multiple_choice>("DebertaV2ForMultipleChoice", {{"pooler.dense", "head.pooler"}, {"classifier", "head.classifier"}}),
      with_head<Head::token_classification>("DebertaV2ForTokenClassification", {{"classifier", "head.classifier"}}),
      with_head<Head::question_answering>("DebertaV2ForQuestionAnswering", {{"qa_outputs", "head.classifier"}}),
      with_head<Head::none>("DebertaV2Model", {}),
  };
}

}  // namespace qkv
