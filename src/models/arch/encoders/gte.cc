// GTE (Zhang et al. 2024, transformers' modeling_gte): BERT with rotary positions and GEGLU. "new" is the type of the same network in the
// authors' own code, whose files are read, but written as "gte".
#include <cmath>

#include "base/error.h"
#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/encoders/rotary_encoder_family.h"

namespace qkv {
namespace {

RotaryEncoderDefaults defaults(int vocab_size, int max_position_embeddings, double theta) {
  return {.sizes = {.vocab_size = vocab_size, .token_types = 1, .max_position_embeddings = max_position_embeddings},
          .theta = theta,
          .gated = true,
          .inner_bias = false};
}

const RotaryEncoderDefaults kGte = defaults(250048, 8192, 160000), kNew = defaults(30528, 2048, 10000);

TransformerConfig finished(const ConfigReader& in, UniformConfig config, int pad) {
  config.attention_dropout = in.number("attention_probs_dropout_prob", 0);
  config.activation_dropout = config.dropout;
  config.classifier_dropout = in.number("classifier_dropout", config.dropout);
  config.pad_token_id = pad;
  return with_gelu_head(with_biases(config, kGte));
}

template <Head head>
TransformerConfig read_gte(const ConfigReader& in) {
  return finished(in, read_rotary_encoder(in, head, kGte), 1);
}

// The authors' "ntk" scaling, whatever the text's length: the base grows by the factor, and all frequencies shrink by
// factor^(2 / head_dim).
std::optional<RopeOptions> read_ntk(const ConfigReader& in) {
  if (!in.has("rope_scaling")) return {};
  const ConfigReader scaling = in.object("rope_scaling");
  if (!scaling.is_text("type") || scaling.text("type") != "ntk") return {};
  if (scaling.has("mixed_b")) {
    fail(ErrorCode::unsupported, "{}: \"mixed_b\" is {}; it is not supported", scaling.file(), scaling.number("mixed_b", 0));
  }
  const float factor = scaling.number("factor", 1);
  if (!(factor >= 1)) fail(ErrorCode::bad_input, "{}: \"factor\" is {}; it must be at least 1", scaling.file(), factor);
  const int heads = in.integer("num_attention_heads", 12), head_dim = heads > 0 ? in.integer("hidden_size", 768) / heads : 0;
  if (head_dim < 1) return {};  // what is wrong is said later
  RopeOptions rope{.theta = in.number("rope_theta", static_cast<float>(kNew.theta)) * double{factor}, .scaling = RopeScaling::linear};
  rope.factor = static_cast<float>(std::pow(double{factor}, 2.0 / head_dim));
  return rope;
}

template <Head head>
TransformerConfig read_new(const ConfigReader& in) {
  in.expect("logn_attention_scale", false, "scores that grow with the text");
  in.expect("pack_qkv", true, "separate weights of q, k and v");
  for (const auto& [key, only] : {std::pair{"layer_norm_type", "layer_norm"}, {"position_embedding_type", "rope"}}) {
    if (!in.has(key) || in.text(key) == only) continue;
    fail(ErrorCode::unsupported, "{}: \"{}\" is \"{}\"; only \"{}\" is supported", in.file(), key, shortened(in.text(key), 60), only);
  }
  return finished(in, read_rotary_encoder(in, head, kNew, read_ntk(in)), 0);
}

const std::vector<WeightName>& base_names() {
  static const std::vector<WeightName> names = {
      {.theirs = "embeddings.word_embeddings", .ours = "embed_tokens"},
      {.theirs = "embeddings.token_type_embeddings", .ours = "encoder.embed_token_types"},
      {.theirs = "embeddings.LayerNorm", .ours = "encoder.embedding_norm"},
      {.theirs = "encoder.layer.{}.attention.qkv_proj", .ours = "encoder.layers.{}.self_attention.q_proj", .part = qkv_part(0)},
      {.theirs = "encoder.layer.{}.attention.qkv_proj", .ours = "encoder.layers.{}.self_attention.k_proj", .part = qkv_part(1)},
      {.theirs = "encoder.layer.{}.attention.qkv_proj", .ours = "encoder.layers.{}.self_attention.v_proj", .part = qkv_part(2)},
      {.theirs = "encoder.layer.{}.attention.o_proj", .ours = "encoder.layers.{}.self_attention.out_proj"},
      {.theirs = "encoder.layer.{}.attn_ln", .ours = "encoder.layers.{}.self_attention_norm"},
      {.theirs = "encoder.layer.{}.mlp.up_gate_proj", .ours = "encoder.layers.{}.feed_forward.fc1", .part = gate_up_part(0)},
      {.theirs = "encoder.layer.{}.mlp.up_gate_proj", .ours = "encoder.layers.{}.feed_forward.gate", .part = gate_up_part(1)},
      {.theirs = "encoder.layer.{}.mlp.down_proj", .ours = "encoder.layers.{}.feed_forward.fc2"},
      {.theirs = "encoder.layer.{}.mlp_ln", .ours = "encoder.layers.{}.feed_forward_norm"},
  };
  return names;
}

struct Type {
  std::string_view name, prefix;
  bool read_only;
};

Architecture with_head(const Type& type, Head head, std::string_view class_name, TransformerConfig (*read_config)(const ConfigReader& in),
                       std::vector<WeightName> head_names) {
  const std::string_view prefix = head == Head::pooler ? "" : type.prefix;
  std::vector<WeightName> older_head_names = head_names;
  for (WeightName& name : older_head_names) {
    if (name.theirs == "lm_head.norm") name.theirs = "lm_head.layer_norm";
  }
  Architecture architecture{.class_name = class_name,
                            .model_type = type.name,
                            .read_config = read_config,
                            .write_config = write_rotary_encoder,
                            .base_prefix = type.prefix,
                            .weights = names_of(prefix, base_names(), std::move(head_names)),
                            .older_weights = rotary_encoder_names(prefix, kGte, std::move(older_head_names)),
                            .read_only = type.read_only};
  if (head == Head::masked_lm) architecture.copies = {{"lm_head.decoder.weight", "embed_tokens.weight"}};
  // Files of a model alone may have a head, and those with another head a pooler.
  if (head == Head::pooler) architecture.ignored = {"classifier.weight", "classifier.bias"};
  if (!has_pooler(head)) architecture.ignored = {"pooler.dense.weight", "pooler.dense.bias"};
  return architecture;
}

std::vector<WeightName> masked_lm_names() {
  return {{"lm_head.dense", "head.dense"}, {"lm_head.norm", "head.norm"}, {"lm_head.decoder", "head"}};
}

std::vector<Architecture> classes_of_gte() {
  const Type type{"gte", "gte.", false};
  return {with_head(type, Head::masked_lm, "GteForMaskedLM", read_gte<Head::masked_lm>, masked_lm_names()),
          with_head(type, Head::classification, "GteForSequenceClassification", read_gte<Head::classification>,
                    {{"gte.pooler.dense", "head.pooler"}, {"classifier", "head.classifier"}}),
          with_head(type, Head::token_classification, "GteForTokenClassification", read_gte<Head::token_classification>,
                    {{"classifier", "head.classifier"}}),
          with_head(type, Head::pooler, "GteModel", read_gte<Head::pooler>, {{"pooler.dense", "head.pooler"}})};
}

std::vector<Architecture> classes_of_new() {
  const Type type{"new", "new.", true};
  return {with_head(type, Head::masked_lm, "NewForMaskedLM", read_new<Head::masked_lm>, masked_lm_names()),
          with_head(type, Head::classification, "NewForSequenceClassification", read_new<Head::classification>,
                    {{"new.pooler.dense", "head.pooler"}, {"classifier", "head.classifier"}}),
          with_head(type, Head::token_classification, "NewForTokenClassification", read_new<Head::token_classification>,
                    {{"classifier", "head.classifier"}}),
          with_head(type, Head::pooler, "NewModel", read_new<Head::pooler>, {{"pooler.dense", "head.pooler"}})};
}

}  // namespace

std::vector<Architecture> gte_family() {
  std::vector<Architecture> all = classes_of_gte();
  for (Architecture& each : classes_of_new()) all.push_back(std::move(each));
  return all;
}

}  // namespace qkv
