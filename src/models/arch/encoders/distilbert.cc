// DistilBERT (Sanh et al. 2019, transformers' modeling_distilbert): BERT with fewer layers, without token types and pooler; its classifier
// has a layer with ReLU of its own. Positions that began as sinusoids are stored as learned ones.

#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/encoders/encoder_family.h"
#include "models/json_numbers.h"

namespace qkv {
namespace {

template <Head head>
TransformerConfig read_config(const ConfigReader& in) {
  refuse_other_networks(in, head);
  UniformConfig config;
  config.kind = Kind::encoder_only;
  config.decoder_layers = 0;
  config.vocab_size = in.integer("vocab_size", 30522);
  config.hidden_size = in.integer("dim", "hidden_size", 768);
  config.encoder_layers = in.integer("n_layers", "num_hidden_layers", 6);
  config.num_attention_heads = config.num_key_value_heads = in.integer("n_heads", "num_attention_heads", 12);
  config.encoder_ffn_dim = config.decoder_ffn_dim = in.integer("hidden_dim", 3072);
  config.activation = in.activation("activation", Activation::gelu);
  config.dropout = in.number("dropout", 0.1f);
  config.attention_dropout = in.number("attention_dropout", 0.1f);
  config.max_position_embeddings = in.integer("max_position_embeddings", 512);
  config.initializer_range = in.number("initializer_range", 0.02f);
  config.layer_norm_epsilon = 1e-12f;
  config.position = Position::learned;
  config.embedding_norm = true;
  config.scale_embedding = config.final_logits_bias = false;
  config.pooler_activation = Activation::relu;
  in.boolean("sinusoidal_pos_embds", false);
  read_head(in, head, config);
  config.classifier_dropout = head == Head::classification ? in.number("seq_classif_dropout", 0.2f) : config.dropout;
  return config;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const UniformConfig config = as_uniform(network);
  out["activation"] = activation_name(config.activation);
  out["attention_dropout"] = shortest(config.attention_dropout);
  out["dim"] = config.hidden_size;
  out["dropout"] = shortest(config.dropout);
  out["hidden_dim"] = config.encoder_ffn_dim;
  out["initializer_range"] = shortest(config.initializer_range > 0 ? config.initializer_range : 0.02f);
  out["max_position_embeddings"] = config.max_position_embeddings;
  out["n_heads"] = config.num_attention_heads;
  out["n_layers"] = config.encoder_layers;
  if (config.head == Head::classification) out["seq_classif_dropout"] = shortest(config.classifier_dropout);
  out["sinusoidal_pos_embds"] = false;
  out["tie_weights_"] = true;
  out["tie_word_embeddings"] = true;
  out["vocab_size"] = config.vocab_size;
  write_head(config, out);
}

const std::vector<WeightName>& base_names() {
  static const std::vector<WeightName> names = {
      {"embeddings.word_embeddings", "embed_tokens"},
      {"embeddings.position_embeddings", "encoder.embed_positions"},
      {"embeddings.LayerNorm", "encoder.embedding_norm"},
      {"transformer.layer.{}.attention.q_lin", "encoder.layers.{}.self_attention.q_proj"},
      {"transformer.layer.{}.attention.k_lin", "encoder.layers.{}.self_attention.k_proj"},
      {"transformer.layer.{}.attention.v_lin", "encoder.layers.{}.self_attention.v_proj"},
      {"transformer.layer.{}.attention.out_lin", "encoder.layers.{}.self_attention.out_proj"},
      {"transformer.layer.{}.sa_layer_norm", "encoder.layers.{}.self_attention_norm"},
      {"transformer.layer.{}.ffn.lin1", "encoder.layers.{}.feed_forward.fc1"},
      {"transformer.layer.{}.ffn.lin2", "encoder.layers.{}.feed_forward.fc2"},
      {"transformer.layer.{}.output_layer_norm", "encoder.layers.{}.feed_forward_norm"},
  };
  return names;
}

template <Head head>
Architecture with_head(std::string_view class_name, std::vector<WeightName> head_names, std::vector<WeightCopy> copies = {}) {
  return {.class_name = class_name,
          .model_type = "distilbert",
          .read_config = read_config<head>,
          .write_config = write_config,
          .base_prefix = "distilbert.",
          .weights = names_of(head == Head::none ? "" : "distilbert.", base_names(), std::move(head_names)),
          .copies = std::move(copies),
          .ignored = {"distilbert.embeddings.position_ids"}};
}

}  // namespace

std::vector<Architecture> distilbert_family() {
  Architecture model = with_head<Head::none>("DistilBertModel", {});
  model.ignored.insert(model.ignored.end(), {"vocab_transform.weight", "vocab_transform.bias", "vocab_layer_norm.weight",
                                             "vocab_layer_norm.bias", "vocab_projector.weight", "vocab_projector.bias"});
  return {
      with_head<Head::masked_lm>("DistilBertForMaskedLM",
                                 {{"vocab_transform", "head.dense"}, {"vocab_layer_norm", "head.norm"}, {"vocab_projector", "head"}},
                                 {{"vocab_projector.weight", "embed_tokens.weight"}}),
      with_head<Head::classification>("DistilBertForSequenceClassification",
                                      {{"pre_classifier", "head.pooler"}, {"classifier", "head.classifier"}}),
      with_head<Head::multiple_choice>("DistilBertForMultipleChoice",
                                       {{"pre_classifier", "head.pooler"}, {"classifier", "head.classifier"}}),
      with_head<Head::token_classification>("DistilBertForTokenClassification", {{"classifier", "head.classifier"}}),
      with_head<Head::question_answering>("DistilBertForQuestionAnswering", {{"qa_outputs", "head.classifier"}}),
      model,
  };
}

}  // namespace qkv
