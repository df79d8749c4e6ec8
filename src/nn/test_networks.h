// Small networks with every choice of TransformerConfig, and batches for them.
#pragma once

#include <vector>

#include "base/philox.h"
#include "nn/transformer.h"
#include "nn/uniform_config.h"

namespace qkv {

inline UniformConfig small_config(NormPlace norm) {
  UniformConfig config;
  config.vocab_size = 23;
  config.hidden_size = 16;
  config.encoder_layers = config.decoder_layers = 2;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.encoder_ffn_dim = config.decoder_ffn_dim = 24;
  config.norm_position = norm;
  config.max_position_embeddings = 40;
  config.attention_dropout = config.activation_dropout = 0.1f;
  return config;
}

inline UniformConfig decoder_only(NormPlace norm) {
  UniformConfig config = small_config(norm);
  config.kind = Kind::decoder_only;
  config.encoder_layers = 0;
  config.scale_embedding = config.final_logits_bias = false;
  return config;
}

struct Variant {
  const char* name;
  TransformerConfig config;
};

// Gemma 2, OLMo 2, GPT-NeoX and GPT-J: every place of norms and every order of sub-layers, with the choices that UniformConfig lacks.
inline std::vector<Variant> language_models() {
  UniformConfig llama = decoder_only(NormPlace::sandwich);
  llama.position = Position::rope;
  llama.norm = NormKind::rms;
  llama.activation = Activation::gelu_tanh;
  llama.gated_ffn = llama.qk_norm = true;
  llama.linear_bias = false;
  TransformerConfig gemma = llama;
  gemma.embedding_scale = 4;
  gemma.logit_soft_cap = 2;
  gemma.decoder[1].attention.soft_cap = 3;
  gemma.decoder[1].attention.window = 2;
  gemma.decoder[1].attention.rope->theta = 100;
  llama.norm_position = NormPlace::output;
  TransformerConfig olmo = llama;
  olmo.output_scale = 0.3f;
  for (LayerConfig& layer : olmo.decoder) {
    layer.attention.qk_norm_place = QkNormPlace::projection;
    layer.residual_scale = 0.5f;
  }
  olmo.decoder[0].attention.rope.reset();
  UniformConfig gpt = decoder_only(NormPlace::pre);
  gpt.position = Position::rope;
  gpt.activation = Activation::gelu;
  gpt.tie_word_embeddings = false;
  TransformerConfig neox = gpt, gptj = gpt;
  for (LayerConfig& layer : neox.decoder) {
    layer.order = LayerOrder::parallel;
    layer.attention.qk_norm = layer.norm;
    layer.attention.qk_norm_place = QkNormPlace::rotated_head;
    layer.attention.rope->rotary_dim = 2;
  }
  neox.decoder[0].attention_norm = false;
  gptj.output_bias = true;
  for (LayerConfig& layer : gptj.decoder) {
    layer.order = LayerOrder::parallel_shared;
    layer.attention.rope->layout = RotaryPairs::neighbours;
  }
  return {{"gemma", gemma}, {"olmo", olmo}, {"neox", neox}, {"gptj", gptj}};
}

// Covers every choice of UniformConfig at least once.
inline std::vector<Variant> variants() {
  UniformConfig llama = decoder_only(NormPlace::pre);
  llama.position = Position::rope;
  llama.norm = NormKind::rms;
  llama.activation = Activation::silu;
  llama.gated_ffn = true;
  llama.linear_bias = llama.tie_word_embeddings = false;
  UniformConfig gpt2 = decoder_only(NormPlace::pre);
  gpt2.position = Position::learned;
  gpt2.activation = Activation::gelu_tanh;
  gpt2.initializer_range = 0.1f;
  gpt2.num_key_value_heads = 1;
  UniformConfig without_positions = decoder_only(NormPlace::post);
  without_positions.position = Position::none;
  without_positions.sliding_window = 3;
  UniformConfig alibi = small_config(NormPlace::post);
  alibi.position = Position::alibi;
  alibi.sliding_window = 4;
  UniformConfig t5 = small_config(NormPlace::pre);
  t5.position = Position::t5;
  t5.relative_buckets = {8, 12};
  UniformConfig post = small_config(NormPlace::post), learned = post, rope = small_config(NormPlace::pre);
  learned.position = Position::learned;
  post.activation = learned.activation = alibi.activation = rope.activation =
      Activation::gelu;  // with relu, bf16 rounding may flip the sign of values near 0
  rope.position = Position::rope;
  rope.rope = {.rotary_dim = 2, .layout = RotaryPairs::neighbours, .scaling = RopeScaling::linear, .factor = 2};
  std::vector<Variant> all = language_models();
  all.insert(all.end(), {{"post", post},
                         {"pre", small_config(NormPlace::pre)},
                         {"llama", llama},
                         {"gpt2", gpt2},
                         {"no positions", without_positions},
                         {"alibi", alibi},
                         {"t5", t5},
                         {"learned", learned},
                         {"rope", rope}});
  return all;
}

// ModernBERT and DeBERTa v2, with the choices of encoders that UniformConfig lacks.
inline std::vector<Variant> newer_encoders(UniformConfig bert) {
  bert.num_key_value_heads = bert.num_attention_heads;
  TransformerConfig deberta = bert;
  deberta.position_table = PositionTable::none;
  deberta.relative_table = {.max_distance = 6, .buckets = 4, .norm = NormConfig{}};
  for (LayerConfig& layer : deberta.encoder) layer.attention.disentangled = DisentangledConfig{.dropout = 0.1f};
  deberta.encoder[1].attention.disentangled = DisentangledConfig{.content_to_position = false, .own_projections = true};
  bert.norm_position = NormPlace::pre;
  bert.position = Position::rope;
  bert.gated_ffn = true;
  TransformerConfig modernbert = bert, late = bert;
  modernbert.encoder[0].attention_norm = false;
  modernbert.encoder[1].attention.window = 2;
  modernbert.encoder[1].feed_forward.inner_bias = false;
  modernbert.head = late.head = Head::classification;
  modernbert.num_labels = late.num_labels = 3;
  modernbert.classifier_dropout = late.classifier_dropout = 0.2f;
  modernbert.head_pooling = HeadPooling::mean;
  modernbert.pooler_norm = true;
  late.head_pooling = HeadPooling::mean_of_pooled;
  return {{"deberta", deberta}, {"modernbert", modernbert}, {"mean of pooled", late}};
}

// Encoders without a decoder: BERT, and one that no class of transformers can represent.
inline std::vector<Variant> encoders() {
  UniformConfig bert = small_config(NormPlace::post);
  bert.kind = Kind::encoder_only;
  bert.decoder_layers = 0;
  bert.position = Position::learned;
  bert.activation = Activation::gelu;
  bert.initializer_range = 0.1f;
  bert.scale_embedding = bert.final_logits_bias = false;
  bert.token_types = 2;
  bert.embedding_norm = true;
  UniformConfig classifier = bert, untied = bert;
  classifier.head = Head::classification;
  classifier.num_labels = 3;
  classifier.classifier_dropout = 0.2f;
  untied.norm_position = NormPlace::pre;
  untied.norm = NormKind::rms;
  untied.position = Position::t5;
  untied.token_types = 0;
  untied.linear_bias = untied.tie_word_embeddings = false;
  UniformConfig albert = bert, roberta = classifier, tokens = classifier;
  albert.embedding_size = 6;
  albert.layer_groups = 1;
  roberta.position_offset = 2;
  roberta.dropout_before_pooler = true;
  roberta.pooler_activation = Activation::gelu;
  tokens.head = Head::token_classification;
  tokens.embedding_size = 6;
  std::vector<Variant> all = {{"bert", bert},     {"classifier", classifier}, {"untied encoder", untied},
                              {"albert", albert}, {"roberta", roberta},       {"labels of tokens", tokens}};
  for (const Variant& newer : newer_encoders(bert)) all.push_back(newer);
  return all;
}

inline std::vector<Variant> variants_and_encoders() {
  std::vector<Variant> all = variants();
  for (const Variant& variant : encoders()) all.push_back(variant);
  return all;
}

inline TokenBatch batch_of(std::span<const int32_t> lengths, uint32_t stream) {
  TokenBatch batch;
  batch.segments = Segments::of_lengths(lengths);
  RandomStream random(11, stream);
  for (int64_t i = 0; i < batch.segments.tokens(); ++i) batch.ids.push_back(static_cast<int32_t>(random.below(23)));
  return batch;
}

struct Fixture {
  explicit Fixture(const TransformerConfig& config, Device device = Device::cpu) : store(3, true, device), network(config, store) {
    if (config.token_types > 0) source.token_types = {0, 0, 1, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0};
  }
  ParameterStore store;
  Transformer network;
  TokenBatch source = batch_of(std::vector<int32_t>{3, 9, 1}, 1), target = batch_of(std::vector<int32_t>{5, 4, 2}, 2);
  std::vector<int32_t> target_out = batch_of(std::vector<int32_t>{11}, 3).ids;
};

}  // namespace qkv
