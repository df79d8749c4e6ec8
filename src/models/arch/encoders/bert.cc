// BERT (Devlin et al. 2018, transformers' modeling_bert): encoder only, norm after each sub-layer and on the embeddings, learned positions;
// with each of its heads, or alone.

#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/encoders/encoder_family.h"
#include "models/json_numbers.h"

namespace qkv {
namespace {

template <Head head>
TransformerConfig read_config(const ConfigReader& in) {
  refuse_other_networks(in, head);
  UniformConfig config = read_encoder(in);
  read_head(in, head, config);
  config.classifier_dropout = in.number("classifier_dropout", config.dropout);
  return config;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const UniformConfig config = as_uniform(network);
  write_encoder(config, out);
  write_head(config, out);
  out["classifier_dropout"] = shortest(config.classifier_dropout);
}

template <Head head>
Architecture with_head(std::string_view class_name, std::vector<WeightName> head_names, std::vector<WeightCopy> copies = {}) {
  Architecture architecture{.class_name = class_name,
                            .model_type = "bert",
                            .read_config = read_config<head>,
                            .write_config = write_config,
                            .base_prefix = "bert.",
                            .weights = names_of("bert.", bert_names(), std::move(head_names)),
                            .copies = std::move(copies),
                            .ignored = {"bert.embeddings.position_ids"}};
  if (!has_pooler(head)) {  // older files contain it with every head
    architecture.ignored.insert(architecture.ignored.end(), {"bert.pooler.dense.weight", "bert.pooler.dense.bias"});
  }
  return architecture;
}

// Files of a complete BERT contain the heads for hidden tokens and for pairs of sentences, of which a class uses one or none.
constexpr std::string_view kMaskedLm[] = {"cls.predictions.bias",
                                          "cls.predictions.decoder.weight",
                                          "cls.predictions.decoder.bias",
                                          "cls.predictions.transform.dense.weight",
                                          "cls.predictions.transform.dense.bias",
                                          "cls.predictions.transform.LayerNorm.weight",
                                          "cls.predictions.transform.LayerNorm.bias"};
constexpr std::string_view kPairs[] = {"cls.seq_relationship.weight", "cls.seq_relationship.bias"};

Architecture ignoring(Architecture architecture, std::initializer_list<std::span<const std::string_view>> names) {
  for (const auto& each : names) architecture.ignored.insert(architecture.ignored.end(), each.begin(), each.end());
  return architecture;
}

}  // namespace

std::vector<Architecture> bert_family() {
  const Architecture masked_lm = with_head<Head::masked_lm>(
      "BertForMaskedLM",
      {{"cls.predictions.transform.dense", "head.dense"},
       {"cls.predictions.transform.LayerNorm", "head.norm"},
       {"cls.predictions", "head"}},
      {{"cls.predictions.decoder.weight", "embed_tokens.weight"}, {"cls.predictions.decoder.bias", "head.bias"}});
  // Both heads of the authors' training, of which that for pairs of sentences is left.
  Architecture pretraining = ignoring(masked_lm, {kPairs});
  pretraining.class_name = "BertForPreTraining";
  pretraining.read_only = true;
  const WeightName pooler{"bert.pooler.dense", "head.pooler"};
  Architecture model = with_head<Head::pooler>("BertModel", {});
  model.weights = names_of("", bert_names(), {{"pooler.dense", "head.pooler"}});
  model.ignored = {"embeddings.position_ids"};
  return {
      ignoring(masked_lm, {kPairs}),
      pretraining,
      with_head<Head::classification>("BertForSequenceClassification", {pooler, {"classifier", "head.classifier"}}),
      with_head<Head::multiple_choice>("BertForMultipleChoice", {pooler, {"classifier", "head.classifier"}}),
      with_head<Head::token_classification>("BertForTokenClassification", {{"classifier", "head.classifier"}}),
      with_head<Head::question_answering>("BertForQuestionAnswering", {{"qa_outputs", "head.classifier"}}),
      ignoring(with_head<Head::next_sentence>("BertForNextSentencePrediction", {pooler, {"cls.seq_relationship", "head.classifier"}}),
               {kMaskedLm}),
      ignoring(model, {kMaskedLm, kPairs}),
  };
}

}  // namespace qkv
