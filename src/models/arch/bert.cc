// BERT (Devlin et al. 2018, transformers' modeling_bert): encoder only, norm after each sub-layer and on the embeddings, learned positions;
// with the head for masked tokens, or for a label of the sequence.
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "models/arch/arch.h"
#include "models/json_numbers.h"
#include "nn/uniform_config.h"

namespace qkv {
namespace {

UniformConfig read_encoder(const ConfigReader& in) {
  in.expect("is_decoder", false, "a decoder");
  in.expect("add_cross_attention", false, "cross-attention");
  if (in.has("position_embedding_type") && in.text("position_embedding_type") != "absolute") {
    fail(ErrorCode::unsupported, "{}: \"position_embedding_type\" is \"{}\"; only \"absolute\" is supported", in.file(),
         shortened(in.text("position_embedding_type"), 60));
  }
  UniformConfig config;
  config.kind = Kind::encoder_only;
  config.decoder_layers = 0;
  config.vocab_size = in.integer("vocab_size", 30522);
  config.hidden_size = in.integer("hidden_size", 768);
  config.encoder_layers = in.integer("num_hidden_layers", 12);
  config.num_attention_heads = config.num_key_value_heads = in.integer("num_attention_heads", 12);
  config.encoder_ffn_dim = config.decoder_ffn_dim = in.integer("intermediate_size", 3072);
  config.activation = in.activation("hidden_act", Activation::gelu);
  config.dropout = in.number("hidden_dropout_prob", 0.1f);
  config.attention_dropout = in.number("attention_probs_dropout_prob", 0.1f);
  config.max_position_embeddings = in.integer("max_position_embeddings", 512);
  config.token_types = in.integer("type_vocab_size", 2);
  config.initializer_range = in.number("initializer_range", 0.02f);
  config.layer_norm_epsilon = in.number("layer_norm_eps", 1e-12f);
  config.position = Position::learned;
  config.embedding_norm = true;
  config.scale_embedding = config.final_logits_bias = false;
  return config;
}

TransformerConfig read_masked_lm(const ConfigReader& in) {
  in.expect("tie_word_embeddings", true, "an output layer that is not the embedding");
  UniformConfig config = read_encoder(in);
  config.head = Head::masked_lm;
  return config;
}

TransformerConfig read_classifier(const ConfigReader& in) {
  if (in.has("problem_type") && in.text("problem_type") != "single_label_classification") {
    fail(ErrorCode::unsupported, "{}: \"problem_type\" is \"{}\"; only \"single_label_classification\" is supported", in.file(),
         shortened(in.text("problem_type"), 60));
  }
  UniformConfig config = read_encoder(in);
  config.head = Head::classification;
  config.num_labels = in.label_count();
  config.classifier_dropout = in.number("classifier_dropout", config.dropout);
  return config;
}

TransformerConfig read_model(const ConfigReader& in) {
  UniformConfig config = read_encoder(in);
  config.head = Head::pooler;
  return config;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const UniformConfig config = as_uniform(network);
  out["attention_probs_dropout_prob"] = shortest(config.attention_dropout);
  out["classifier_dropout"] = shortest(config.classifier_dropout);
  out["hidden_act"] = activation_name(config.activation);
  out["hidden_dropout_prob"] = shortest(config.dropout);
  out["hidden_size"] = config.hidden_size;
  out["initializer_range"] = shortest(config.initializer_range > 0 ? config.initializer_range : 0.02f);
  out["intermediate_size"] = config.encoder_ffn_dim;
  out["layer_norm_eps"] = shortest(config.layer_norm_epsilon);
  out["max_position_embeddings"] = config.max_position_embeddings;
  out["num_attention_heads"] = config.num_attention_heads;
  out["num_hidden_layers"] = config.encoder_layers;
  out["tie_word_embeddings"] = true;
  out["type_vocab_size"] = config.token_types;
  out["vocab_size"] = config.vocab_size;
}

std::vector<WeightName> weights(std::initializer_list<WeightName> head) {
  std::vector<WeightName> all = {
      {"bert.embeddings.word_embeddings", "embed_tokens"},
      {"bert.embeddings.position_embeddings", "encoder.embed_positions"},
      {"bert.embeddings.token_type_embeddings", "encoder.embed_token_types"},
      {"bert.embeddings.LayerNorm", "encoder.embedding_norm"},
      {"bert.encoder.layer.{}.attention.self.query", "encoder.layers.{}.self_attention.q_proj"},
      {"bert.encoder.layer.{}.attention.self.key", "encoder.layers.{}.self_attention.k_proj"},
      {"bert.encoder.layer.{}.attention.self.value", "encoder.layers.{}.self_attention.v_proj"},
      {"bert.encoder.layer.{}.attention.output.dense", "encoder.layers.{}.self_attention.out_proj"},
      {"bert.encoder.layer.{}.attention.output.LayerNorm", "encoder.layers.{}.self_attention_norm"},
      {"bert.encoder.layer.{}.intermediate.dense", "encoder.layers.{}.feed_forward.fc1"},
      {"bert.encoder.layer.{}.output.dense", "encoder.layers.{}.feed_forward.fc2"},
      {"bert.encoder.layer.{}.output.LayerNorm", "encoder.layers.{}.feed_forward_norm"},
  };
  all.insert(all.end(), head);
  return all;
}

std::vector<WeightName> without_prefix(std::string_view prefix, std::vector<WeightName> names) {
  for (WeightName& name : names) name.theirs.remove_prefix(prefix.size());
  return names;
}

}  // namespace

// Files of older versions also contain a pooler and the head for sentence pairs, which this class ignores.
Architecture bert_masked_lm() {
  return {.class_name = "BertForMaskedLM",
          .model_type = "bert",
          .read_config = read_masked_lm,
          .write_config = write_config,
          .base_prefix = "bert.",
          .weights = weights({{"cls.predictions.transform.dense", "head.dense"},
                              {"cls.predictions.transform.LayerNorm", "head.norm"},
                              {"cls.predictions", "head"}}),
          .copies = {{"cls.predictions.decoder.weight", "embed_tokens.weight"}, {"cls.predictions.decoder.bias", "head.bias"}},
          .ignored = {"bert.embeddings.position_ids", "bert.pooler.dense.weight", "bert.pooler.dense.bias", "cls.seq_relationship.weight",
                      "cls.seq_relationship.bias"}};
}

Architecture bert_classifier() {
  return {.class_name = "BertForSequenceClassification",
          .model_type = "bert",
          .read_config = read_classifier,
          .write_config = write_config,
          .base_prefix = "bert.",
          .weights = weights({{"bert.pooler.dense", "head.pooler"}, {"classifier", "head.classifier"}}),
          .ignored = {"bert.embeddings.position_ids"}};
}

// BERT without a task head, the form of sentence encoders. Files of a complete BERT also contain the other heads, which are ignored.
Architecture bert_model() {
  return {.class_name = "BertModel",
          .model_type = "bert",
          .read_config = read_model,
          .write_config = write_config,
          .base_prefix = "bert.",
          .weights = without_prefix("bert.", weights({{"bert.pooler.dense", "head.pooler"}})),
          .ignored = {"embeddings.position_ids", "cls.predictions.bias", "cls.predictions.decoder.weight", "cls.predictions.decoder.bias",
                      "cls.predictions.transform.dense.weight", "cls.predictions.transform.dense.bias",
                      "cls.predictions.transform.LayerNorm.weight", "cls.predictions.transform.LayerNorm.bias",
                      "cls.seq_relationship.weight", "cls.seq_relationship.bias"}};
}

}  // namespace qkv
