// JinaBERT, the network of Jina embeddings v2 (Günther et al. 2023): BERT with ALiBi in both directions in place of position rows, and
// GEGLU. transformers has no class for it, the authors' code runs with it; its "model_type" is "bert".

#include "base/error.h"
#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/encoders/rotary_encoder_family.h"
#include "models/json_numbers.h"

namespace qkv {
namespace {

constexpr std::string_view kCode = "jinaai/jina-bert-implementation--";

Activation read_gated_activation(const ConfigReader& in) {
  const std::string name = in.has("feed_forward_type") ? in.text("feed_forward_type") : "original";
  if (name == "geglu") return Activation::gelu;
  if (name == "reglu") return Activation::relu;
  fail(ErrorCode::unsupported, "{}: \"feed_forward_type\" is \"{}\"; there are geglu, reglu", in.file(), shortened(name, 60));
}

template <Head head>
TransformerConfig read_config(const ConfigReader& in) {
  in.expect("is_decoder", false, "a decoder");
  in.expect("add_cross_attention", false, "cross-attention");
  if (head == Head::masked_lm) in.expect("tie_word_embeddings", true, "an output layer that is not the embedding");
  if (in.has("auto_map") && in.object("auto_map").json().dump().find("qk-post-norm") != std::string::npos) {
    fail(ErrorCode::unsupported, "{}: \"auto_map\" names the code with norms of queries and keys, which is not supported", in.file());
  }
  const std::string positions = in.has("position_embedding_type") ? in.text("position_embedding_type") : "absolute";
  if (positions != "alibi") {
    fail(ErrorCode::unsupported, "{}: \"position_embedding_type\" is \"{}\"; only \"alibi\" is supported", in.file(),
         shortened(positions, 60));
  }
  UniformConfig config = read_encoder(in);
  read_head(in, head, config);
  config.classifier_dropout = in.number("classifier_dropout", config.dropout);
  config.position = Position::alibi;
  config.gated_ffn = true;
  config.activation = read_gated_activation(in);
  TransformerConfig network = config;
  network.head_activation = in.activation("hidden_act", Activation::gelu);
  for (LayerConfig& layer : network.encoder) {
    layer.feed_forward.inner_bias = false;
    layer.feed_forward.dropout = config.dropout;
  }
  return network;
}

void write_config(const TransformerConfig& config, nlohmann::ordered_json& out) {
  const UniformConfig first = first_layer_of(config);
  if (first.position != Position::alibi) fail(ErrorCode::unsupported, "the class has ALiBi");
  out["auto_map"] = {{"AutoConfig", fmt::format("{}configuration_bert.JinaBertConfig", kCode)},
                     {"AutoModel", fmt::format("{}modeling_bert.JinaBertModel", kCode)},
                     {"AutoModelForMaskedLM", fmt::format("{}modeling_bert.JinaBertForMaskedLM", kCode)},
                     {"AutoModelForSequenceClassification", fmt::format("{}modeling_bert.JinaBertForSequenceClassification", kCode)}};
  write_encoder(first, out);
  out["hidden_act"] = activation_name(config.head_activation);
  out["feed_forward_type"] = first.activation == Activation::relu ? "reglu" : "geglu";
  out["position_embedding_type"] = "alibi";
  write_head(config, out);
  out["classifier_dropout"] = shortest(config.classifier_dropout);
}

const std::vector<WeightName>& base_names() {
  static const std::vector<WeightName> names = {
      {.theirs = "embeddings.word_embeddings", .ours = "embed_tokens"},
      {.theirs = "embeddings.token_type_embeddings", .ours = "encoder.embed_token_types"},
      {.theirs = "embeddings.LayerNorm", .ours = "encoder.embedding_norm"},
      {.theirs = "encoder.layer.{}.attention.self.query", .ours = "encoder.layers.{}.self_attention.q_proj"},
      {.theirs = "encoder.layer.{}.attention.self.key", .ours = "encoder.layers.{}.self_attention.k_proj"},
      {.theirs = "encoder.layer.{}.attention.self.value", .ours = "encoder.layers.{}.self_attention.v_proj"},
      {.theirs = "encoder.layer.{}.attention.output.dense", .ours = "encoder.layers.{}.self_attention.out_proj"},
      {.theirs = "encoder.layer.{}.attention.output.LayerNorm", .ours = "encoder.layers.{}.self_attention_norm"},
      {.theirs = "encoder.layer.{}.mlp.gated_layers", .ours = "encoder.layers.{}.feed_forward.gate", .part = gate_up_part(0)},
      {.theirs = "encoder.layer.{}.mlp.gated_layers", .ours = "encoder.layers.{}.feed_forward.fc1", .part = gate_up_part(1)},
      {.theirs = "encoder.layer.{}.mlp.wo", .ours = "encoder.layers.{}.feed_forward.fc2"},
      {.theirs = "encoder.layer.{}.mlp.layernorm", .ours = "encoder.layers.{}.feed_forward_norm"},
  };
  return names;
}

template <Head head>
Architecture with_head(std::string_view class_name, std::vector<WeightName> head_names, std::vector<WeightCopy> copies = {}) {
  Architecture architecture{.class_name = class_name,
                            .model_type = "bert",
                            .read_config = read_config<head>,
                            .write_config = write_config,
                            .base_prefix = "bert.",
                            .weights = names_of(head == Head::pooler ? "" : "bert.", base_names(), std::move(head_names)),
                            .copies = std::move(copies),
                            .ignored = {"bert.embeddings.position_ids"}};
  if (!has_pooler(head)) {
    architecture.ignored.insert(architecture.ignored.end(), {"bert.pooler.dense.weight", "bert.pooler.dense.bias"});
  }
  return architecture;
}

}  // namespace

std::vector<Architecture> jina_bert_family() {
  return {
      with_head<Head::masked_lm>(
          "JinaBertForMaskedLM",
          {{"cls.predictions.transform.dense", "head.dense"},
           {"cls.predictions.transform.LayerNorm", "head.norm"},
           {"cls.predictions", "head"}},
          {{"cls.predictions.decoder.weight", "embed_tokens.weight"}, {"cls.predictions.decoder.bias", "head.bias"}}),
      with_head<Head::classification>("JinaBertForSequenceClassification",
                                      {{"bert.pooler.dense", "head.pooler"}, {"classifier", "head.classifier"}}),
      with_head<Head::token_classification>("JinaBertForTokenClassification", {{"classifier", "head.classifier"}}),
      with_head<Head::question_answering>("JinaBertForQuestionAnswering", {{"qa_outputs", "head.classifier"}}),
      with_head<Head::pooler>("JinaBertModel", {{"pooler.dense", "head.pooler"}}),
  };
}

}  // namespace qkv
