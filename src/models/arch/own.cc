// What no class of transformers can hold: every choice of TransformerConfig, under its own name, with our names of weights.
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "models/arch/arch.h"
#include "models/json_numbers.h"
#include "models/rope_config.h"

namespace qkv {
namespace {

template <typename Choice, size_t N>
using Names = std::pair<std::string_view, Choice> const (&)[N];

constexpr std::pair<std::string_view, Kind> kKinds[] = {
    {"encoder_decoder", Kind::encoder_decoder}, {"decoder_only", Kind::decoder_only}, {"encoder_only", Kind::encoder_only}};
constexpr std::pair<std::string_view, Head> kHeads[] = {{"masked_lm", Head::masked_lm}, {"classification", Head::classification}};
constexpr std::pair<std::string_view, NormPosition> kNormPositions[] = {{"post", NormPosition::post}, {"pre", NormPosition::pre}};
constexpr std::pair<std::string_view, NormKind> kNorms[] = {{"layer", NormKind::layer}, {"rms", NormKind::rms}};
constexpr std::pair<std::string_view, Position> kPositions[] = {
    {"none", Position::none}, {"sinusoidal", Position::sinusoidal}, {"learned", Position::learned},
    {"rope", Position::rope}, {"alibi", Position::alibi},           {"t5", Position::t5},
};
constexpr std::pair<std::string_view, RotaryPairs> kLayouts[] = {{"halves", RotaryPairs::halves}, {"neighbours", RotaryPairs::neighbours}};

template <typename Choice, size_t N>
Choice read_choice(const ConfigReader& in, std::string_view key, Names<Choice, N> names) {
  const std::string text = in.text(key);
  std::string known;
  for (const auto& [name, choice] : names) {
    if (name == text) return choice;
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  fail(ErrorCode::bad_input, "{}: \"{}\" is \"{}\"; there are {}", in.file(), key, shortened(text, 60), known);
}

template <typename Choice, size_t N>
std::string name_of(Choice choice, Names<Choice, N> names) {
  for (const auto& [name, each] : names) {
    if (each == choice) return std::string(name);
  }
  return "";
}

TransformerConfig read_config(const ConfigReader& in) {
  TransformerConfig config;
  config.kind = read_choice(in, "kind", kKinds);
  if (config.has_decoder()) config.pad_token_id = config.decoder_start_token_id = -1;  // no defaults
  config.vocab_size = in.integer("vocab_size");
  config.hidden_size = in.integer("hidden_size");
  config.encoder_layers = in.integer("encoder_layers");
  config.decoder_layers = in.integer("decoder_layers");
  config.num_attention_heads = in.integer("num_attention_heads");
  config.num_key_value_heads = in.integer("num_key_value_heads");
  config.encoder_ffn_dim = in.integer("encoder_ffn_dim");
  config.decoder_ffn_dim = in.integer("decoder_ffn_dim");
  config.activation = in.activation("activation_function");
  config.gated_ffn = in.boolean("gated_ffn", false);
  config.norm_position = read_choice(in, "norm_position", kNormPositions);
  config.norm = read_choice(in, "norm", kNorms);
  config.layer_norm_epsilon = in.number("layer_norm_epsilon", config.layer_norm_epsilon);
  config.linear_bias = in.boolean("linear_bias", true);
  config.position = read_choice(in, "position", kPositions);
  if (config.position == Position::rope) {
    const int most = in.integer("max_position_embeddings");
    config.rope = read_rope(in, most);
    if (in.has("rope_parameters")) {  // transformers' classes have none of their own for dynamic scaling
      config.rope.original_max_positions = in.object("rope_parameters").integer("original_max_position_embeddings", most);
    }
    config.rope.rotary_dim = in.integer("rotary_dim", 0);
    config.rope.layout = read_choice(in, "rotary_pairs", kLayouts);
  }
  config.relative_attention_num_buckets = in.integer("relative_attention_num_buckets", config.relative_attention_num_buckets);
  config.relative_attention_max_distance = in.integer("relative_attention_max_distance", config.relative_attention_max_distance);
  config.sliding_window = in.integer("sliding_window", 0);
  config.scale_embedding = in.boolean("scale_embedding", false);
  config.tie_word_embeddings = in.boolean("tie_word_embeddings", true);
  config.final_logits_bias = in.boolean("final_logits_bias", false);
  config.max_position_embeddings = in.integer("max_position_embeddings");
  config.initializer_range = in.number("initializer_range", 0);
  config.dropout = in.number("dropout", 0);
  config.attention_dropout = in.number("attention_dropout", 0);
  config.activation_dropout = in.number("activation_dropout", 0);
  if (!config.has_decoder()) {
    config.head = read_choice(in, "head", kHeads);
    if (config.head == Head::classification) config.num_labels = in.label_count();
    config.classifier_dropout = in.number("classifier_dropout", 0);
    config.token_types = in.integer("token_types", 0);
    config.embedding_norm = in.boolean("embedding_norm", false);
  }
  return config;
}

void write_config(const TransformerConfig& config, nlohmann::ordered_json& out) {
  out["kind"] = name_of(config.kind, kKinds);
  out["is_encoder_decoder"] = config.kind == Kind::encoder_decoder;
  out["vocab_size"] = config.vocab_size;
  out["hidden_size"] = config.hidden_size;
  out["encoder_layers"] = config.encoder_layers;
  out["decoder_layers"] = config.decoder_layers;
  out["num_attention_heads"] = config.num_attention_heads;
  out["num_key_value_heads"] = config.num_key_value_heads;
  out["encoder_ffn_dim"] = config.encoder_ffn_dim;
  out["decoder_ffn_dim"] = config.decoder_ffn_dim;
  out["activation_function"] = activation_name(config.activation);
  out["gated_ffn"] = config.gated_ffn;
  out["norm_position"] = name_of(config.norm_position, kNormPositions);
  out["norm"] = name_of(config.norm, kNorms);
  out["layer_norm_epsilon"] = shortest(config.layer_norm_epsilon);
  out["linear_bias"] = config.linear_bias;
  out["position"] = name_of(config.position, kPositions);
  if (config.position == Position::rope) {
    write_rope(config.rope, out);
    out["rotary_dim"] = config.rope.rotary_dim;
    out["rotary_pairs"] = name_of(config.rope.layout, kLayouts);
  }
  if (config.position == Position::t5) {
    out["relative_attention_num_buckets"] = config.relative_attention_num_buckets;
    out["relative_attention_max_distance"] = config.relative_attention_max_distance;
  }
  out["sliding_window"] = config.sliding_window;
  out["scale_embedding"] = config.scale_embedding;
  out["tie_word_embeddings"] = config.tie_word_embeddings;
  out["final_logits_bias"] = config.final_logits_bias;
  out["max_position_embeddings"] = config.max_position_embeddings;
  out["initializer_range"] = shortest(config.initializer_range);
  out["dropout"] = shortest(config.dropout);
  out["attention_dropout"] = shortest(config.attention_dropout);
  out["activation_dropout"] = shortest(config.activation_dropout);
  if (!config.has_decoder()) {
    out["head"] = name_of(config.head, kHeads);
    out["classifier_dropout"] = shortest(config.classifier_dropout);
    out["token_types"] = config.token_types;
    out["embedding_norm"] = config.embedding_norm;
  }
}

}  // namespace

Architecture own() {
  return {.class_name = "QkvTransformer",
          .model_type = "qkv",
          .holds = [](const TransformerConfig&) { return true; },
          .read_config = read_config,
          .write_config = write_config};
}

}  // namespace qkv
