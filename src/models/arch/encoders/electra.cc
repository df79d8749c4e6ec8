// ELECTRA (Clark et al. 2020, transformers' modeling_electra): BERT with narrower embeddings and without a pooler. The generator predicts
// masked tokens; the discriminator, which further training begins with, tells which tokens were replaced.

#include "base/error.h"
#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/encoders/encoder_family.h"
#include "models/json_numbers.h"

namespace qkv {
namespace {

// The head for multiple choice has keys of its own.
void read_summary(const ConfigReader& in, UniformConfig& config) {
  const std::string type = in.has("summary_type") ? in.text("summary_type") : "first";
  if (type != "first") {
    fail(ErrorCode::unsupported, "{}: \"summary_type\" is \"{}\"; only \"first\" is supported", in.file(), shortened(type, 60));
  }
  in.expect("summary_use_proj", true, "a head without its first layer");
  in.expect("summary_proj_to_labels", false, "a head whose first layer gives labels");
  config.pooler_activation = in.activation("summary_activation", Activation::gelu);
  config.classifier_dropout = in.number("summary_last_dropout", 0.1f);
}

template <Head head>
TransformerConfig read_config(const ConfigReader& in) {
  refuse_other_networks(in, head);
  UniformConfig config = read_encoder(in, {.hidden_size = 256, .heads = 4, .ffn_size = 1024});
  const int embedding_size = in.integer("embedding_size", 128);
  config.embedding_size = embedding_size == config.hidden_size ? 0 : embedding_size;
  read_head(in, head, config);
  config.classifier_dropout = in.number("classifier_dropout", config.dropout);
  config.dropout_before_pooler = true;
  config.pooler_activation = head == Head::replaced_tokens ? config.activation : Activation::gelu;
  if (head == Head::multiple_choice) read_summary(in, config);
  return with_gelu_head(config);
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  const UniformConfig config = without_gelu_head(network);
  write_encoder(config, out);
  write_head(config, out);
  out["classifier_dropout"] = shortest(config.classifier_dropout);
  out["embedding_size"] = network.embedding_columns();
  if (network.head != Head::multiple_choice) return;
  out["summary_type"] = "first";
  out["summary_use_proj"] = true;
  out["summary_activation"] = activation_name(network.pooler_activation);
  out["summary_last_dropout"] = shortest(config.classifier_dropout);
}

template <Head head>
Architecture with_head(std::string_view class_name, std::vector<WeightName> head_names, std::vector<WeightCopy> copies = {}) {
  std::vector<WeightName> base = bert_names();
  base.push_back({"embeddings_project", "encoder.embedding_projection"});
  Architecture architecture{.class_name = class_name,
                            .model_type = "electra",
                            .read_config = read_config<head>,
                            .write_config = write_config,
                            .base_prefix = "electra.",
                            .weights = names_of(head == Head::none ? "" : "electra.", base, std::move(head_names)),
                            .copies = std::move(copies),
                            .ignored = {"electra.embeddings.position_ids"}};
  if (head == Head::none) {
    architecture.ignored.insert(
        architecture.ignored.end(),
        {"discriminator_predictions.dense.weight", "discriminator_predictions.dense.bias",
         "discriminator_predictions.dense_prediction.weight", "discriminator_predictions.dense_prediction.bias",
         "generator_predictions.dense.weight", "generator_predictions.dense.bias", "generator_predictions.LayerNorm.weight",
         "generator_predictions.LayerNorm.bias", "generator_lm_head.weight", "generator_lm_head.bias"});
  }
  return architecture;
}

}  // namespace

std::vector<Architecture> electra_family() {
  return {
      with_head<Head::replaced_tokens>("ElectraForPreTraining", {{"discriminator_predictions.dense_prediction", "head.classifier"},
                                                                 {"discriminator_predictions.dense", "head.pooler"}}),
      with_head<Head::masked_lm>(
          "ElectraForMaskedLM",
          {{"generator_predictions.dense", "head.dense"}, {"generator_predictions.LayerNorm", "head.norm"}, {"generator_lm_head", "head"}},
          {{"generator_lm_head.weight", "embed_tokens.weight"}}),
      with_head<Head::classification>("ElectraForSequenceClassification",
                                      {{"classifier.dense", "head.pooler"}, {"classifier.out_proj", "head.classifier"}}),
      with_head<Head::multiple_choice>("ElectraForMultipleChoice",
                                       {{"sequence_summary.summary", "head.pooler"}, {"classifier", "head.classifier"}}),
      with_head<Head::token_classification>("ElectraForTokenClassification", {{"classifier", "head.classifier"}}),
      with_head<Head::question_answering>("ElectraForQuestionAnswering", {{"qa_outputs", "head.classifier"}}),
      with_head<Head::none>("ElectraModel", {}),
  };
}

}  // namespace qkv
