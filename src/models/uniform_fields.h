// The keys of qkv's own config.json, each listed once with its name, field and default.
#pragma once

#include "base/names.h"
#include "nn/uniform_config.h"

namespace qkv {

inline constexpr ChoiceName<Kind> kKindNames[] = {
    {"encoder_decoder", Kind::encoder_decoder}, {"decoder_only", Kind::decoder_only}, {"encoder_only", Kind::encoder_only}};
inline constexpr ChoiceName<Head> kHeadNames[] = {
    {"masked_lm", Head::masked_lm},
    {"classification", Head::classification},
    {"pooler", Head::pooler},
    {"none", Head::none},
    {"token_classification", Head::token_classification},
    {"question_answering", Head::question_answering},
    {"next_sentence", Head::next_sentence},
    {"replaced_tokens", Head::replaced_tokens},
    {"multiple_choice", Head::multiple_choice},
};
// transformers' names.
inline constexpr ChoiceName<LabelKind> kProblemTypes[] = {
    {"single_label_classification", LabelKind::one}, {"multi_label_classification", LabelKind::several}, {"regression", LabelKind::values}};
inline constexpr ChoiceName<NormPlace> kNormPlaceNames[] = {{"post", NormPlace::post},
                                                            {"pre", NormPlace::pre},
                                                            {"none", NormPlace::none},
                                                            {"output", NormPlace::output},
                                                            {"sandwich", NormPlace::sandwich}};
inline constexpr ChoiceName<NormKind> kNormNames[] = {{"layer", NormKind::layer}, {"rms", NormKind::rms}};
inline constexpr ChoiceName<Position> kPositionNames[] = {
    {"none", Position::none}, {"sinusoidal", Position::sinusoidal}, {"learned", Position::learned},
    {"rope", Position::rope}, {"alibi", Position::alibi},           {"t5", Position::t5},
};
inline constexpr ChoiceName<RotaryPairs> kRotaryPairNames[] = {{"halves", RotaryPairs::halves}, {"neighbours", RotaryPairs::neighbours}};

// Calls the visitor in the order of the file. required(key, field[, names]): the key must be present; optional(key, field, fallback);
// rare(key, field, fallback[, names]): written only if it differs from the fallback; derived(key, value): only written; rope(options):
// reads and writes keys of its own.
template <typename Visitor>
void visit_fields(UniformConfig& c, Visitor& visit) {
  visit.required("kind", c.kind, kKindNames);
  visit.derived("is_encoder_decoder", c.kind == Kind::encoder_decoder);
  visit.required("vocab_size", c.vocab_size);
  visit.required("hidden_size", c.hidden_size);
  visit.required("encoder_layers", c.encoder_layers);
  visit.required("decoder_layers", c.decoder_layers);
  visit.required("num_attention_heads", c.num_attention_heads);
  visit.required("num_key_value_heads", c.num_key_value_heads);
  visit.rare("head_dim", c.head_dim, 0);
  visit.required("encoder_ffn_dim", c.encoder_ffn_dim);
  visit.required("decoder_ffn_dim", c.decoder_ffn_dim);
  visit.required("activation_function", c.activation);
  visit.optional("gated_ffn", c.gated_ffn, false);
  visit.required("norm_position", c.norm_position, kNormPlaceNames);
  visit.required("norm", c.norm, kNormNames);
  visit.optional("layer_norm_epsilon", c.layer_norm_epsilon, 1e-5f);
  visit.optional("linear_bias", c.linear_bias, true);
  visit.rare("qkv_bias", c.qkv_bias, false);
  visit.rare("qk_norm", c.qk_norm, false);
  visit.required("position", c.position, kPositionNames);
  if (c.position == Position::rope) {
    visit.rope(c.rope);
    visit.optional("rotary_dim", c.rope.rotary_dim, 0);
    visit.required("rotary_pairs", c.rope.layout, kRotaryPairNames);
  }
  if (c.position == Position::t5) {
    visit.optional("relative_attention_num_buckets", c.relative_buckets.count, 32);
    visit.optional("relative_attention_max_distance", c.relative_buckets.max_distance, 128);
  }
  visit.optional("sliding_window", c.sliding_window, 0);
  visit.optional("scale_embedding", c.scale_embedding, false);
  visit.optional("tie_word_embeddings", c.tie_word_embeddings, true);
  visit.optional("final_logits_bias", c.final_logits_bias, false);
  visit.required("max_position_embeddings", c.max_position_embeddings);
  visit.rare("position_offset", c.position_offset, 0);
  visit.optional("initializer_range", c.initializer_range, 0.0f);
  visit.optional("dropout", c.dropout, 0.0f);
  visit.optional("attention_dropout", c.attention_dropout, 0.0f);
  visit.optional("activation_dropout", c.activation_dropout, 0.0f);
  visit.rare("embedding_size", c.embedding_size, 0);
  if (!c.has_decoder()) {
    visit.required("head", c.head, kHeadNames);
    if (c.head == Head::classification) visit.rare("problem_type", c.label_kind, LabelKind::one, kProblemTypes);
    visit.optional("classifier_dropout", c.classifier_dropout, 0.0f);
    visit.rare("pooler_activation", c.pooler_activation, Activation::tanh);
    visit.rare("dropout_before_pooler", c.dropout_before_pooler, false);
    visit.rare("layer_groups", c.layer_groups, 0);
    visit.optional("token_types", c.token_types, 0);
    visit.optional("embedding_norm", c.embedding_norm, false);
  }
}

}  // namespace qkv
