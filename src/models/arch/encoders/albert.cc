// ALBERT (Lan et al. 2019, transformers' modeling_albert): BERT with narrower embeddings, whose layers share weights in groups.

#include "base/error.h"
#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/encoders/encoder_family.h"
#include "models/json_numbers.h"

namespace qkv {
namespace {

template <Head head>
TransformerConfig read_config(const ConfigReader& in) {
  refuse_other_networks(in, head);
  UniformConfig config = read_encoder(
      in, {.vocab_size = 30000, .hidden_size = 4096, .heads = 64, .ffn_size = 16384, .activation = Activation::gelu_tanh, .dropout = 0});
  config.embedding_size = in.integer("embedding_size", 128);
  config.layer_groups = in.integer("num_hidden_groups", 1);
  if (const int inner = in.integer("inner_group_num", 1); inner != 1) {
    fail(ErrorCode::unsupported, "{}: \"inner_group_num\" is {}; only groups of one layer are supported", in.file(), inner);
  }
  read_head(in, head, config);
  config.classifier_dropout = in.number("classifier_dropout_prob", 0.1f);
  keep_text_ends(in, 2, 3, config);
  return config;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const UniformConfig config = as_uniform(network);
  if (config.embedding_size == 0 || config.layer_groups == 0) {
    fail(ErrorCode::unsupported, "the class has embeddings of another size, and layers that share weights");
  }
  write_encoder(config, out);
  write_head(config, out);
  write_text_ends(network, out);
  out["classifier_dropout_prob"] = shortest(config.classifier_dropout);
  out["embedding_size"] = config.embedding_size;
  out["inner_group_num"] = 1;
  out["num_hidden_groups"] = config.layer_groups;
}

const std::vector<WeightName>& base_names() {
  static const std::vector<WeightName> names = {
      {"embeddings.word_embeddings", "embed_tokens"},
      {"embeddings.position_embeddings", "encoder.embed_positions"},
      {"embeddings.token_type_embeddings", "encoder.embed_token_types"},
      {"embeddings.LayerNorm", "encoder.embedding_norm"},
      {"encoder.embedding_hidden_mapping_in", "encoder.embedding_projection"},
      {"encoder.albert_layer_groups.{}.albert_layers.0.attention.query", "encoder.layers.{}.self_attention.q_proj"},
      {"encoder.albert_layer_groups.{}.albert_layers.0.attention.key", "encoder.layers.{}.self_attention.k_proj"},
      {"encoder.albert_layer_groups.{}.albert_layers.0.attention.value", "encoder.layers.{}.self_attention.v_proj"},
      {"encoder.albert_layer_groups.{}.albert_layers.0.attention.dense", "encoder.layers.{}.self_attention.out_proj"},
      {"encoder.albert_layer_groups.{}.albert_layers.0.attention.LayerNorm", "encoder.layers.{}.self_attention_norm"},
      {"encoder.albert_layer_groups.{}.albert_layers.0.ffn", "encoder.layers.{}.feed_forward.fc1"},
      {"encoder.albert_layer_groups.{}.albert_layers.0.ffn_output", "encoder.layers.{}.feed_forward.fc2"},
      {"encoder.albert_layer_groups.{}.albert_layers.0.full_layer_layer_norm", "encoder.layers.{}.feed_forward_norm"},
  };
  return names;
}

template <Head head>
Architecture with_head(std::string_view class_name, std::vector<WeightName> head_names, std::vector<WeightCopy> copies = {}) {
  Architecture architecture{
      .class_name = class_name,
      .model_type = "albert",
      .read_config = read_config<head>,
      .write_config = write_config,
      .base_prefix = "albert.",
      .weights = names_of(head == Head::pooler ? "" : "albert.", base_names(), std::move(head_names)),
      .copies = std::move(copies),
      .ignored = {"albert.embeddings.position_ids", "sop_classifier.classifier.weight", "sop_classifier.classifier.bias"}};
  if (!has_pooler(head)) architecture.ignored.insert(architecture.ignored.end(), {"albert.pooler.weight", "albert.pooler.bias"});
  if (head == Head::pooler) {
    architecture.ignored.insert(architecture.ignored.end(),
                                {"predictions.bias", "predictions.dense.weight", "predictions.dense.bias", "predictions.LayerNorm.weight",
                                 "predictions.LayerNorm.bias", "predictions.decoder.weight", "predictions.decoder.bias"});
  }
  return architecture;
}

}  // namespace

std::vector<Architecture> albert_family() {
  const Architecture masked_lm = with_head<Head::masked_lm>(
      "AlbertForMaskedLM", {{"predictions.dense", "head.dense"}, {"predictions.LayerNorm", "head.norm"}, {"predictions", "head"}},
      {{"predictions.decoder.weight", "embed_tokens.weight"}, {"predictions.decoder.bias", "head.bias"}});
  Architecture pretraining = masked_lm;  // the head for the order of sentences is left
  pretraining.class_name = "AlbertForPreTraining";
  pretraining.read_only = true;
  return {
      masked_lm,
      pretraining,
      with_head<Head::classification>("AlbertForSequenceClassification",
                                      {{"albert.pooler", "head.pooler"}, {"classifier", "head.classifier"}}),
      with_head<Head::multiple_choice>("AlbertForMultipleChoice", {{"albert.pooler", "head.pooler"}, {"classifier", "head.classifier"}}),
      with_head<Head::token_classification>("AlbertForTokenClassification", {{"classifier", "head.classifier"}}),
      with_head<Head::question_answering>("AlbertForQuestionAnswering", {{"qa_outputs", "head.classifier"}}),
      with_head<Head::pooler>("AlbertModel", {{"pooler", "head.pooler"}}),
  };
}

}  // namespace qkv
