#include "models/arch/encoders/encoder_family.h"

#include "base/error.h"
#include "formats/json.h"
#include "models/generation_config.h"
#include "models/json_numbers.h"
#include "models/uniform_fields.h"

namespace qkv {
namespace {

LabelKind read_label_kind(const ConfigReader& in, int num_labels) {
  // As in transformers' pipelines, a single output that config.json says nothing about is the logit of one label.
  if (!in.has("problem_type")) return num_labels == 1 ? LabelKind::several : LabelKind::one;
  const std::string name = in.text("problem_type");
  if (const LabelKind* found = find_choice(kProblemTypes, name)) return *found;
  fail(ErrorCode::unsupported, "{}: \"problem_type\" is \"{}\"; there are {}", in.file(), shortened(name, 60),
       list_of_names(kProblemTypes));
}

}  // namespace

void refuse_other_networks(const ConfigReader& in, Head head) {
  in.expect("is_decoder", false, "a decoder");
  in.expect("add_cross_attention", false, "cross-attention");
  if (head == Head::masked_lm) in.expect("tie_word_embeddings", true, "an output layer that is not the embedding");
  if (in.has("position_embedding_type") && in.text("position_embedding_type") != "absolute") {
    fail(ErrorCode::unsupported, "{}: \"position_embedding_type\" is \"{}\"; only \"absolute\" is supported", in.file(),
         shortened(in.text("position_embedding_type"), 60));
  }
}

UniformConfig read_encoder(const ConfigReader& in, const EncoderDefaults& defaults) {
  UniformConfig config;
  config.kind = Kind::encoder_only;
  config.decoder_layers = 0;
  config.vocab_size = in.integer("vocab_size", defaults.vocab_size);
  config.hidden_size = in.integer("hidden_size", defaults.hidden_size);
  config.encoder_layers = in.integer("num_hidden_layers", defaults.layers);
  config.num_attention_heads = config.num_key_value_heads = in.integer("num_attention_heads", defaults.heads);
  config.encoder_ffn_dim = config.decoder_ffn_dim = in.integer("intermediate_size", defaults.ffn_size);
  config.activation = in.activation("hidden_act", defaults.activation);
  config.dropout = in.number("hidden_dropout_prob", defaults.dropout);
  config.attention_dropout = in.number("attention_probs_dropout_prob", defaults.dropout);
  config.max_position_embeddings = in.integer("max_position_embeddings", defaults.max_position_embeddings);
  if (defaults.token_types > 0) config.token_types = in.integer("type_vocab_size", defaults.token_types);
  config.initializer_range = in.number("initializer_range", 0.02f);
  config.layer_norm_epsilon = in.number("layer_norm_eps", defaults.epsilon);
  config.position = Position::learned;
  config.embedding_norm = true;
  config.scale_embedding = config.final_logits_bias = false;
  return config;
}

void write_encoder(const UniformConfig& config, nlohmann::ordered_json& out) {
  out["attention_probs_dropout_prob"] = shortest(config.attention_dropout);
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
  if (config.token_types > 0) out["type_vocab_size"] = config.token_types;
  out["vocab_size"] = config.vocab_size;
}

void read_head(const ConfigReader& in, Head head, UniformConfig& config) {
  config.head = head;
  if (names_labels(head)) config.num_labels = in.label_count();
  if (has_one_output(head)) config.num_labels = 1;
  if (head == Head::classification) config.label_kind = read_label_kind(in, config.num_labels);
  if (head == Head::question_answering && in.label_count() != 2) {
    fail(ErrorCode::unsupported, "{}: {} outputs for each token; an answer has 2, the scores of its first and last token", in.file(),
         in.label_count());
  }
}

void write_head(const TransformerConfig& config, nlohmann::ordered_json& out) {
  if (config.head == Head::classification) out["problem_type"] = name_of_choice(kProblemTypes, config.label_kind);
}

namespace {

template <typename Config>
void read_text_ends(const ConfigReader& in, int first, int last, Config& config) {
  const auto fits = [&](int id) { return id < config.vocab_size; };
  const int begin = in.token_id("bos_token_id").value_or(in.given("bos_token_id") ? -1 : first);
  config.decoder_start_token_id = fits(begin) ? begin : -1;
  config.eos_token_ids = in.token_ids("eos_token_id");
  if (!in.given("eos_token_id") && last >= 0) config.eos_token_ids = {last};
  std::erase_if(config.eos_token_ids, [&](int32_t id) { return !fits(id); });
}

}  // namespace

void keep_text_ends(const ConfigReader& in, int first, int last, UniformConfig& config) { read_text_ends(in, first, last, config); }
void keep_text_ends(const ConfigReader& in, int first, int last, TransformerConfig& config) { read_text_ends(in, first, last, config); }

void write_text_ends(const TransformerConfig& config, nlohmann::ordered_json& out) {
  out["bos_token_id"] =
      config.decoder_start_token_id < 0 ? nlohmann::ordered_json() : nlohmann::ordered_json(config.decoder_start_token_id);
  out["eos_token_id"] = token_ids_json(config.eos_token_ids);
}

TransformerConfig with_gelu_head(TransformerConfig network) {
  network.head_activation = Activation::gelu;
  return network;
}

UniformConfig without_gelu_head(TransformerConfig network) {
  if (network.head_activation == Activation::gelu && !network.encoder.empty()) {
    network.head_activation = network.encoder.front().feed_forward.activation;
  }
  return as_uniform(network);
}

std::vector<WeightName> names_of(std::string_view prefix, const std::vector<WeightName>& base, std::vector<WeightName> head) {
  std::vector<WeightName> all = base;
  for (WeightName& name : all) name.theirs.insert(0, prefix);
  all.insert(all.end(), head.begin(), head.end());
  return all;
}

const std::vector<WeightName>& bert_names() {
  static const std::vector<WeightName> names = {
      {"embeddings.word_embeddings", "embed_tokens"},
      {"embeddings.position_embeddings", "encoder.embed_positions"},
      {"embeddings.token_type_embeddings", "encoder.embed_token_types"},
      {"embeddings.LayerNorm", "encoder.embedding_norm"},
      {"encoder.layer.{}.attention.self.query", "encoder.layers.{}.self_attention.q_proj"},
      {"encoder.layer.{}.attention.self.key", "encoder.layers.{}.self_attention.k_proj"},
      {"encoder.layer.{}.attention.self.value", "encoder.layers.{}.self_attention.v_proj"},
      {"encoder.layer.{}.attention.output.dense", "encoder.layers.{}.self_attention.out_proj"},
      {"encoder.layer.{}.attention.output.LayerNorm", "encoder.layers.{}.self_attention_norm"},
      {"encoder.layer.{}.intermediate.dense", "encoder.layers.{}.feed_forward.fc1"},
      {"encoder.layer.{}.output.dense", "encoder.layers.{}.feed_forward.fc2"},
      {"encoder.layer.{}.output.LayerNorm", "encoder.layers.{}.feed_forward_norm"},
  };
  return names;
}

}  // namespace qkv
