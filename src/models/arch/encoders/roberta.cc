// RoBERTa (Liu et al. 2019), XLM-R (Conneau et al. 2020) and CamemBERT (Martin et al. 2020), one network under three names (transformers'
// modeling_roberta, modeling_xlm_roberta, modeling_camembert): BERT whose first position has the row behind the pad token's id.

#include "base/error.h"
#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/encoders/encoder_family.h"
#include "models/json_numbers.h"

namespace qkv {
namespace {

constexpr int kPad = 1;

template <Head head>
TransformerConfig read_config(const ConfigReader& in) {
  if (in.has("lora_adaptations")) {
    fail(ErrorCode::unsupported,
         "{}: \"lora_adaptations\" names adapters within the weights, as in jina-embeddings-v3; only models without "
         "them are supported, such as jina-embeddings-v3-hf",
         in.file());
  }
  refuse_other_networks(in, head);
  UniformConfig config = read_encoder(in);
  read_head(in, head, config);
  config.classifier_dropout = in.number("classifier_dropout", config.dropout);
  config.dropout_before_pooler = true;
  config.pad_token_id = in.token_id("pad_token_id").value_or(kPad);
  config.position_offset = config.pad_token_id + 1;
  if (config.position_offset <= 0 || config.position_offset >= config.max_position_embeddings) {
    fail(ErrorCode::bad_input, "{}: \"pad_token_id\" is {}; positions begin behind it, and \"max_position_embeddings\" is {}", in.file(),
         config.pad_token_id, config.max_position_embeddings);
  }
  config.max_position_embeddings -= config.position_offset;
  keep_text_ends(in, 0, 2, config);
  return with_gelu_head(config);
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  UniformConfig config = without_gelu_head(network);
  if (config.pad_token_id != config.position_offset - 1) {
    fail(ErrorCode::unsupported, "positions do not begin behind the pad token's id, {}", config.pad_token_id);
  }
  config.max_position_embeddings += config.position_offset;
  write_encoder(config, out);
  write_head(config, out);
  write_text_ends(network, out);
  out["classifier_dropout"] = shortest(config.classifier_dropout);
  out["pad_token_id"] = config.pad_token_id;
}

struct Names {
  std::string_view model_type, model, masked_lm, classification, token_classification, question_answering, multiple_choice;
};

template <Head head>
Architecture with_head(const Names& names, std::string_view class_name, std::vector<WeightName> head_names,
                       std::vector<WeightCopy> copies = {}) {
  Architecture architecture{.class_name = class_name,
                            .model_type = names.model_type,
                            .read_config = read_config<head>,
                            .write_config = write_config,
                            .base_prefix = "roberta.",
                            .weights = names_of(head == Head::pooler ? "" : "roberta.", bert_names(), std::move(head_names)),
                            .copies = std::move(copies),
                            .ignored = {"roberta.embeddings.position_ids"}};
  if (head == Head::pooler) {  // files of a masked language model, too
    architecture.ignored.insert(architecture.ignored.end(),
                                {"lm_head.dense.weight", "lm_head.dense.bias", "lm_head.layer_norm.weight", "lm_head.layer_norm.bias",
                                 "lm_head.bias", "lm_head.decoder.weight", "lm_head.decoder.bias"});
  } else {
    architecture.ignored.insert(architecture.ignored.end(), {"roberta.pooler.dense.weight", "roberta.pooler.dense.bias"});
  }
  return architecture;
}

std::vector<Architecture> family(const Names& names) {
  return {
      with_head<Head::masked_lm>(names, names.masked_lm,
                                 {{"lm_head.dense", "head.dense"}, {"lm_head.layer_norm", "head.norm"}, {"lm_head", "head"}},
                                 {{"lm_head.decoder.weight", "embed_tokens.weight"}, {"lm_head.decoder.bias", "head.bias"}}),
      with_head<Head::classification>(names, names.classification,
                                      {{"classifier.dense", "head.pooler"}, {"classifier.out_proj", "head.classifier"}}),
      with_head<Head::multiple_choice>(names, names.multiple_choice,
                                       {{"roberta.pooler.dense", "head.pooler"}, {"classifier", "head.classifier"}}),
      with_head<Head::token_classification>(names, names.token_classification, {{"classifier", "head.classifier"}}),
      with_head<Head::question_answering>(names, names.question_answering, {{"qa_outputs", "head.classifier"}}),
      with_head<Head::pooler>(names, names.model, {{"pooler.dense", "head.pooler"}}),
  };
}

}  // namespace

std::vector<Architecture> roberta_family() {
  std::vector<Architecture> all;
  for (const Names& names : {Names{"roberta", "RobertaModel", "RobertaForMaskedLM", "RobertaForSequenceClassification",
                                   "RobertaForTokenClassification", "RobertaForQuestionAnswering", "RobertaForMultipleChoice"},
                             Names{"xlm-roberta", "XLMRobertaModel", "XLMRobertaForMaskedLM", "XLMRobertaForSequenceClassification",
                                   "XLMRobertaForTokenClassification", "XLMRobertaForQuestionAnswering", "XLMRobertaForMultipleChoice"},
                             Names{"camembert", "CamembertModel", "CamembertForMaskedLM", "CamembertForSequenceClassification",
                                   "CamembertForTokenClassification", "CamembertForQuestionAnswering", "CamembertForMultipleChoice"}}) {
    for (Architecture& each : family(names)) all.push_back(std::move(each));
  }
  return all;
}

}  // namespace qkv
