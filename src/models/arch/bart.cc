// BART (Lewis et al. 2020, transformers' modeling_bart): learned positions, a norm on the embeddings, the norm after each sub-layer. mBART
// (Liu et al. 2020, modeling_mbart): the norm before each sub-layer and another one after the last layer. Both predict tokens or, with a
// head, labels or answers.

#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/bart_family.h"
#include "models/arch/encoders/encoder_family.h"
#include "models/json_numbers.h"

namespace qkv {
namespace {

void read_labels(const ConfigReader& in, Head head, UniformConfig& config) {
  config.dropout_before_pooler = true;
  if (head == Head::masked_lm) return;
  read_head(in, head, config);
  config.classifier_dropout = in.number("classifier_dropout", 0);
  config.final_logits_bias = false;
}

template <Head head>
TransformerConfig read_bart(const ConfigReader& in) {
  in.expect("normalize_before", false, "the norm before each sub-layer");
  in.expect("add_final_layer_norm", false, "a norm after the last layer");
  UniformConfig config = read_family_config(in);
  config.norm_position = NormPlace::post;
  config.pad_token_id = 1;
  config.decoder_start_token_id = 2;
  config.eos_token_ids = {2};
  read_labels(in, head, config);
  return with_learned_positions(in, config);
}

template <Head head>
TransformerConfig read_mbart(const ConfigReader& in) {
  in.expect("normalize_before", true, "the norm after each sub-layer");
  in.expect("add_final_layer_norm", true, "no norm after the last layer");
  UniformConfig config = read_family_config(in);
  config.norm_position = NormPlace::pre;
  config.pad_token_id = 1;
  config.decoder_start_token_id = in.token_id("bos_token_id").value_or(0);
  config.eos_token_ids = {2};
  read_labels(in, head, config);
  TransformerConfig network = with_learned_positions(in, config);
  network.starts_with_last_token = true;
  return network;
}

void write_bart(const TransformerConfig& network, nlohmann::ordered_json& out) {
  write_family_config(without_offset(network), out);
  if (!network.has_head()) return;
  write_head(network, out);
  out["classifier_dropout"] = shortest(network.classifier_dropout);
}

void write_mbart(const TransformerConfig& network, nlohmann::ordered_json& out) {
  TransformerConfig plain = network;
  plain.starts_with_last_token = false;
  write_bart(plain, out);
}

using ReadConfig = TransformerConfig (*)(const ConfigReader& in);
using WriteConfig = void (*)(const TransformerConfig& config, nlohmann::ordered_json& out);

// The classes differ in the names of their head, which takes the place of the output layer.
Architecture with_head(std::string_view class_name, std::string_view model_type, ReadConfig read, WriteConfig write,
                       const std::vector<WeightName>& head_names = {}) {
  std::vector<WeightName> names = family_weights_with_final_norms();
  std::vector<WeightCopy> copies = family_copies();
  std::vector<std::string_view> ignored = {"model.encoder.version", "model.decoder.version"};
  names.push_back({"model.encoder.layernorm_embedding", "encoder.embedding_norm"});
  names.push_back({"model.decoder.layernorm_embedding", "decoder.embedding_norm"});
  if (!head_names.empty()) {
    std::erase_if(names, [](const WeightName& name) { return name.ours == "output"; });
    std::erase_if(copies, [](const WeightCopy& copy) { return copy.theirs == "lm_head.weight"; });
    names.insert(names.end(), head_names.begin(), head_names.end());
    ignored.insert(ignored.end(), {"final_logits_bias", "lm_head.weight"});  // left from the model that predicts tokens
  }
  return {.class_name = class_name,
          .model_type = model_type,
          .read_config = read,
          .write_config = write,
          .base_prefix = "model.",
          .weights = std::move(names),
          .copies = std::move(copies),
          .ignored = std::move(ignored)};
}

std::vector<WeightName> label_names() {
  return {{"classification_head.dense", "head.pooler"}, {"classification_head.out_proj", "head.classifier"}};
}
std::vector<WeightName> answer_names() { return {{"qa_outputs", "head.classifier"}}; }

}  // namespace

std::vector<Architecture> bart_family() {
  return {with_head("BartForConditionalGeneration", "bart", read_bart<Head::masked_lm>, write_bart),
          with_head("BartForSequenceClassification", "bart", read_bart<Head::classification>, write_bart, label_names()),
          with_head("BartForQuestionAnswering", "bart", read_bart<Head::question_answering>, write_bart, answer_names())};
}

std::vector<Architecture> mbart_family() {
  return {with_head("MBartForConditionalGeneration", "mbart", read_mbart<Head::masked_lm>, write_mbart),
          with_head("MBartForSequenceClassification", "mbart", read_mbart<Head::classification>, write_mbart, label_names()),
          with_head("MBartForQuestionAnswering", "mbart", read_mbart<Head::question_answering>, write_mbart, answer_names())};
}

}  // namespace qkv
