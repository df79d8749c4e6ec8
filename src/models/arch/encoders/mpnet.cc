// MPNet (Song et al. 2020, transformers' modeling_mpnet): BERT without token types, whose positions begin at row 2 and whose layers share
// T5's biases of distance.

#include "base/error.h"
#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/encoders/encoder_family.h"

namespace qkv {
namespace {

constexpr int kPositionOffset = 2;
constexpr RelativeBuckets kBuckets = {32, 128};

template <Head head>
TransformerConfig read_config(const ConfigReader& in) {
  refuse_other_networks(in, head);
  UniformConfig config = read_encoder(in, {.vocab_size = 30527, .token_types = 0});
  read_head(in, head, config);
  config.classifier_dropout = config.dropout;
  config.dropout_before_pooler = true;
  config.pad_token_id = 1;
  config.position_offset = kPositionOffset;
  config.max_position_embeddings -= kPositionOffset;
  keep_text_ends(in, 0, 2, config);
  if (const int count = in.integer("relative_attention_num_buckets", kBuckets.count); count != kBuckets.count) {
    fail(ErrorCode::unsupported, "{}: \"relative_attention_num_buckets\" is {}; transformers computes with {}, and so does qkv", in.file(),
         count, kBuckets.count);
  }
  TransformerConfig network = with_gelu_head(config);
  network.relative_buckets = kBuckets;
  for (LayerConfig& layer : network.encoder) layer.attention.distance_bias = DistanceBias::t5;
  return network;
}

void write_config(const TransformerConfig& network, nlohmann::ordered_json& out) {
  TransformerConfig without_bias = network;
  for (LayerConfig& layer : without_bias.encoder) layer.attention.distance_bias = DistanceBias::none;
  UniformConfig config = without_gelu_head(without_bias);
  config.max_position_embeddings += config.position_offset;
  write_encoder(config, out);
  write_head(config, out);
  write_text_ends(network, out);
  out["relative_attention_num_buckets"] = network.relative_buckets.count;
}

const std::vector<WeightName>& base_names() {
  static const std::vector<WeightName> names = {
      {"embeddings.word_embeddings", "embed_tokens"},
      {"embeddings.position_embeddings", "encoder.embed_positions"},
      {"embeddings.LayerNorm", "encoder.embedding_norm"},
      {"encoder.relative_attention_bias", "encoder.relative_attention_bias"},
      {"encoder.layer.{}.attention.attn.q", "encoder.layers.{}.self_attention.q_proj"},
      {"encoder.layer.{}.attention.attn.k", "encoder.layers.{}.self_attention.k_proj"},
      {"encoder.layer.{}.attention.attn.v", "encoder.layers.{}.self_attention.v_proj"},
      {"encoder.layer.{}.attention.attn.o", "encoder.layers.{}.self_attention.out_proj"},
      {"encoder.layer.{}.attention.LayerNorm", "encoder.layers.{}.self_attention_norm"},
      {"encoder.layer.{}.intermediate.dense", "encoder.layers.{}.feed_forward.fc1"},
      {"encoder.layer.{}.output.dense", "encoder.layers.{}.feed_forward.fc2"},
      {"encoder.layer.{}.output.LayerNorm", "encoder.layers.{}.feed_forward_norm"},
  };
  return names;
}

template <Head head>
Architecture with_head(std::string_view class_name, std::vector<WeightName> head_names, std::vector<WeightCopy> copies = {}) {
  Architecture architecture{.class_name = class_name,
                            .model_type = "mpnet",
                            .read_config = read_config<head>,
                            .write_config = write_config,
                            .base_prefix = "mpnet.",
                            .weights = names_of(head == Head::pooler ? "" : "mpnet.", base_names(), std::move(head_names)),
                            .copies = std::move(copies),
                            .ignored = {"mpnet.embeddings.position_ids"}};
  if (head == Head::pooler) {
    architecture.ignored.insert(architecture.ignored.end(),
                                {"lm_head.dense.weight", "lm_head.dense.bias", "lm_head.layer_norm.weight", "lm_head.layer_norm.bias",
                                 "lm_head.bias", "lm_head.decoder.weight", "lm_head.decoder.bias"});
  } else {
    architecture.ignored.insert(architecture.ignored.end(), {"mpnet.pooler.dense.weight", "mpnet.pooler.dense.bias"});
  }
  return architecture;
}

}  // namespace

std::vector<Architecture> mpnet_family() {
  return {
      with_head<Head::masked_lm>("MPNetForMaskedLM",
                                 {{"lm_head.dense", "head.dense"}, {"lm_head.layer_norm", "head.norm"}, {"lm_head", "head"}},
                                 {{"lm_head.decoder.weight", "embed_tokens.weight"}, {"lm_head.decoder.bias", "head.bias"}}),
      with_head<Head::classification>("MPNetForSequenceClassification",
                                      {{"classifier.dense", "head.pooler"}, {"classifier.out_proj", "head.classifier"}}),
      with_head<Head::multiple_choice>("MPNetForMultipleChoice",
                                       {{"mpnet.pooler.dense", "head.pooler"}, {"classifier", "head.classifier"}}),
      with_head<Head::token_classification>("MPNetForTokenClassification", {{"classifier", "head.classifier"}}),
      with_head<Head::question_answering>("MPNetForQuestionAnswering", {{"qa_outputs", "head.classifier"}}),
      with_head<Head::pooler>("MPNetModel", {{"pooler.dense", "head.pooler"}}),
  };
}

}  // namespace qkv
