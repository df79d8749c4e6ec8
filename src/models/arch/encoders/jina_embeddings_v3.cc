// Jina embeddings v3 (Sturua et al. 2024, transformers' modeling_jina_embeddings_v3): XLM-R with rotary positions. The adapters of its
// tasks are files of their own, which neither the class nor qkv reads by itself.

#include "base/error.h"
#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/encoders/rotary_encoder_family.h"

namespace qkv {
namespace {

const RotaryEncoderDefaults kDefaults = {.sizes = {.vocab_size = 250002,
                                                   .hidden_size = 1024,
                                                   .layers = 24,
                                                   .heads = 16,
                                                   .ffn_size = 4096,
                                                   .token_types = 1,
                                                   .max_position_embeddings = 8194,
                                                   .epsilon = 1e-5f},
                                         .theta = 20000};

template <Head head>
TransformerConfig read_config(const ConfigReader& in) {
  if (in.has("lora_adaptations")) {
    fail(ErrorCode::unsupported, "{}: \"lora_adaptations\" names adapters within the weights; only models without them are supported",
         in.file());
  }
  UniformConfig config = read_rotary_encoder(in, head, kDefaults);
  config.classifier_dropout = in.number("classifier_dropout", config.dropout);
  config.dropout_before_pooler = true;
  config.pad_token_id = 1;
  keep_text_ends(in, 0, 2, config);
  return with_gelu_head(with_biases(config, kDefaults));
}

void write_config(const TransformerConfig& config, nlohmann::ordered_json& out) {
  write_rotary_encoder(config, out);
  write_text_ends(config, out);
}

const std::vector<WeightName>& base_names() {
  static const std::vector<WeightName> names = {
      {.theirs = "embeddings.word_embeddings", .ours = "embed_tokens"},
      {.theirs = "embeddings.token_type_embeddings", .ours = "encoder.embed_token_types"},
      {.theirs = "emb_ln", .ours = "encoder.embedding_norm"},
      {.theirs = "encoder.layers.{}.mixer.Wqkv", .ours = "encoder.layers.{}.self_attention.q_proj", .part = qkv_part(0)},
      {.theirs = "encoder.layers.{}.mixer.Wqkv", .ours = "encoder.layers.{}.self_attention.k_proj", .part = qkv_part(1)},
      {.theirs = "encoder.layers.{}.mixer.Wqkv", .ours = "encoder.layers.{}.self_attention.v_proj", .part = qkv_part(2)},
      {.theirs = "encoder.layers.{}.mixer.out_proj", .ours = "encoder.layers.{}.self_attention.out_proj"},
      {.theirs = "encoder.layers.{}.norm1", .ours = "encoder.layers.{}.self_attention_norm"},
      {.theirs = "encoder.layers.{}.mlp.fc1", .ours = "encoder.layers.{}.feed_forward.fc1"},
      {.theirs = "encoder.layers.{}.mlp.fc2", .ours = "encoder.layers.{}.feed_forward.fc2"},
      {.theirs = "encoder.layers.{}.norm2", .ours = "encoder.layers.{}.feed_forward_norm"},
  };
  return names;
}

template <Head head>
Architecture with_head(std::string_view class_name, const std::vector<WeightName>& head_names, std::vector<WeightCopy> copies = {}) {
  const std::string_view prefix = head == Head::pooler ? "" : "roberta.";
  Architecture architecture{.class_name = class_name,
                            .model_type = "jina_embeddings_v3",
                            .read_config = read_config<head>,
                            .write_config = write_config,
                            .base_prefix = "roberta.",
                            .weights = names_of(prefix, base_names(), head_names),
                            .older_weights = rotary_encoder_names(prefix, kDefaults, head_names),
                            .copies = std::move(copies)};
  if (head != Head::pooler) architecture.ignored = {"roberta.pooler.dense.weight", "roberta.pooler.dense.bias"};
  return architecture;
}

}  // namespace

std::vector<Architecture> jina_embeddings_v3_family() {
  return {
      with_head<Head::masked_lm>("JinaEmbeddingsV3ForMaskedLM",
                                 {{"lm_head.dense", "head.dense"}, {"lm_head.layer_norm", "head.norm"}, {"lm_head", "head"}},
                                 {{"lm_head.decoder.weight", "embed_tokens.weight"}, {"lm_head.decoder.bias", "head.bias"}}),
      with_head<Head::classification>("JinaEmbeddingsV3ForSequenceClassification",
                                      {{"classifier.dense", "head.pooler"}, {"classifier.out_proj", "head.classifier"}}),
      with_head<Head::token_classification>("JinaEmbeddingsV3ForTokenClassification", {{"classifier", "head.classifier"}}),
      with_head<Head::question_answering>("JinaEmbeddingsV3ForQuestionAnswering", {{"qa_outputs", "head.classifier"}}),
      with_head<Head::pooler>("JinaEmbeddingsV3Model", {{"pooler.dense", "head.pooler"}}),
  };
}

}  // namespace qkv
