// NomicBERT (Nussbaum et al. 2024, transformers' modeling_nomic_bert): BERT with rotary positions, SwiGLU and no biases of linear layers.
// The authors' config.json has keys of its own.

#include "base/error.h"
#include "formats/json.h"
#include "models/arch/arch.h"
#include "models/arch/encoders/rotary_encoder_family.h"
#include "models/json_numbers.h"

namespace qkv {
namespace {

const RotaryEncoderDefaults kDefaults = {
    .sizes = {.vocab_size = 30528, .activation = Activation::silu, .dropout = 0, .max_position_embeddings = 2048},
    .theta = 1000,
    .gated = true,
    .attention_bias = false,
    .feed_forward_bias = false};

Activation read_gated_activation(const ConfigReader& in) {
  const std::string name = in.has("activation_function") ? in.text("activation_function") : "gelu";
  if (name == "swiglu") return Activation::silu;
  if (name == "geglu") return Activation::gelu;
  fail(ErrorCode::unsupported, "{}: \"activation_function\" is \"{}\"; there are swiglu, geglu", in.file(), shortened(name, 60));
}

// Refuses what the authors' keys can ask for and transformers' class does not have.
void refuse_other_blocks(const ConfigReader& in) {
  in.expect("causal", false, "a decoder");
  in.expect("parallel_block", false, "parallel sub-layers");
  in.expect("prenorm", false, "norms before each sub-layer");
  in.expect("use_rms_norm", false, "RMSNorm");
  for (const char* key : {"qkv_proj_bias", "mlp_fc1_bias", "mlp_fc2_bias"}) in.expect(key, false, "biases in linear layers");
  in.expect("rotary_emb_interleaved", false, "rotary pairs of neighbours");
  for (const char* key : {"moe_every_n_layers", "num_experts"}) {
    if (const int count = in.integer(key, 0); count != 0) {
      fail(ErrorCode::unsupported, "{}: \"{}\" is {}, which asks for experts; such models are not supported", in.file(), key, count);
    }
  }
  if (const float part = in.number("rotary_emb_fraction", 0); part != 1) {
    fail(ErrorCode::unsupported, "{}: \"rotary_emb_fraction\" is {}; only heads that turn whole are supported", in.file(), part);
  }
  if (in.has("rotary_emb_scale_base")) {
    fail(ErrorCode::unsupported, "{}: \"rotary_emb_scale_base\" is {}; rotary positions with decay are not supported", in.file(),
         in.number("rotary_emb_scale_base", 0));
  }
}

UniformConfig read_authors_keys(const ConfigReader& in, Head head) {
  refuse_other_blocks(in);
  RopeOptions rope{.theta = in.number("rotary_emb_base", 10000)};
  if (const float factor = in.number("rotary_scaling_factor", 0); factor != 0) {
    rope.scaling = RopeScaling::dynamic;
    rope.factor = factor;
    rope.original_max_positions = in.integer("max_trained_positions", 2048);
  }
  UniformConfig config = read_rotary_encoder(in, head, kDefaults, rope);
  config.hidden_size = in.integer("n_embd", 768);
  config.encoder_layers = in.integer("n_layer", 12);
  config.num_attention_heads = config.num_key_value_heads = in.integer("n_head", 12);
  config.encoder_ffn_dim = config.decoder_ffn_dim = in.integer("n_inner", 4 * config.hidden_size);
  config.max_position_embeddings = in.integer("n_positions", 2048);
  config.layer_norm_epsilon = in.number("layer_norm_epsilon", 1e-5f);
  config.activation = read_gated_activation(in);
  config.dropout = in.number("resid_pdrop", 0);
  config.attention_dropout = in.number("attn_pdrop", 0);
  return config;
}

template <Head head>
TransformerConfig read_config(const ConfigReader& in) {
  UniformConfig config = in.has("n_embd") ? read_authors_keys(in, head) : read_rotary_encoder(in, head, kDefaults);
  // Written beside transformers' keys, whose "max_position_embeddings" is the length from which dynamic scaling begins.
  config.max_position_embeddings = in.integer("n_positions", config.max_position_embeddings);
  if (in.has("head_dim")) config.head_dim = in.integer("head_dim");
  config.classifier_dropout = in.number("classifier_dropout", config.dropout);
  return with_biases(config, kDefaults);
}

void write_config(const TransformerConfig& config, nlohmann::ordered_json& out) {
  write_rotary_encoder(config, out);
  out["head_dim"] = config.encoder.front().attention.head_dim;
  const RopeOptions& rope = *config.encoder.front().attention.rope;
  if (rope.scaling != RopeScaling::dynamic || rope.original_max_positions == config.max_position_embeddings) return;
  out["n_positions"] = config.max_position_embeddings;
  out["max_position_embeddings"] = rope.original_max_positions;
}

const std::vector<WeightName>& base_names() {
  static const std::vector<WeightName> names = {
      {.theirs = "embeddings.word_embeddings", .ours = "embed_tokens"},
      {.theirs = "embeddings.token_type_embeddings", .ours = "encoder.embed_token_types"},
      {.theirs = "emb_ln", .ours = "encoder.embedding_norm"},
      {.theirs = "encoder.layers.{}.attn.Wqkv", .ours = "encoder.layers.{}.self_attention.q_proj", .part = qkv_part(0)},
      {.theirs = "encoder.layers.{}.attn.Wqkv", .ours = "encoder.layers.{}.self_attention.k_proj", .part = qkv_part(1)},
      {.theirs = "encoder.layers.{}.attn.Wqkv", .ours = "encoder.layers.{}.self_attention.v_proj", .part = qkv_part(2)},
      {.theirs = "encoder.layers.{}.attn.out_proj", .ours = "encoder.layers.{}.self_attention.out_proj"},
      {.theirs = "encoder.layers.{}.norm1", .ours = "encoder.layers.{}.self_attention_norm"},
      {.theirs = "encoder.layers.{}.mlp.fc11", .ours = "encoder.layers.{}.feed_forward.fc1"},
      {.theirs = "encoder.layers.{}.mlp.fc12", .ours = "encoder.layers.{}.feed_forward.gate"},
      {.theirs = "encoder.layers.{}.mlp.fc2", .ours = "encoder.layers.{}.feed_forward.fc2"},
      {.theirs = "encoder.layers.{}.norm2", .ours = "encoder.layers.{}.feed_forward_norm"},
  };
  return names;
}

template <Head head>
Architecture with_head(std::string_view class_name, const std::vector<WeightName>& head_names, std::vector<WeightCopy> copies = {}) {
  const std::string_view prefix = head == Head::pooler ? "" : "nomic_bert.";
  return {.class_name = class_name,
          .model_type = "nomic_bert",
          .read_config = read_config<head>,
          .write_config = write_config,
          .base_prefix = "nomic_bert.",
          .weights = names_of(prefix, base_names(), head_names),
          .older_weights = rotary_encoder_names(prefix, kDefaults, head_names),
          .copies = std::move(copies),
          .ignored = {"nomic_bert.encoder.layers.{}.attn.rotary_emb.inv_freq"}};
}

}  // namespace

std::vector<Architecture> nomic_bert_family() {
  return {
      with_head<Head::masked_lm>(
          "NomicBertForMaskedLM",
          {{"cls.predictions.transform.dense", "head.dense"},
           {"cls.predictions.transform.layer_norm", "head.norm"},
           {"cls.predictions", "head"}},
          {{"cls.predictions.decoder.weight", "embed_tokens.weight"}, {"cls.predictions.decoder.bias", "head.bias"}}),
      with_head<Head::classification>("NomicBertForSequenceClassification",
                                      {{"nomic_bert.pooler.dense", "head.pooler"}, {"classifier", "head.classifier"}}),
      with_head<Head::token_classification>("NomicBertForTokenClassification", {{"classifier", "head.classifier"}}),
      with_head<Head::pooler>("NomicBertModel", {{"pooler.dense", "head.pooler"}}),
  };
}

}  // namespace qkv
