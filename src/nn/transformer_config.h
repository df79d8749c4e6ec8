// The configuration of a Transformer. Names follow Hugging Face's config.json if it has the value.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "nn/layer_config.h"

namespace qkv {

enum class Kind : uint8_t { encoder_decoder, decoder_only, encoder_only };

// The head of an encoder without a decoder (nn/heads.h). A decoder predicts the next token; behind an encoder it may instead have a head
// for labels: it reads the encoder's text itself, moved by one place (Lewis et al. 2020, section 3.1).
enum class Head : uint8_t {
  masked_lm,
  classification,        // labels of a sequence, predicted from its first row
  pooler,                // a vector of the whole sequence
  none,                  // the rows of the last layer
  token_classification,  // a label of each token
  question_answering,    // two scores of each token: the first and the last one of an answer
  next_sentence,         // whether the second text of a pair follows the first
  replaced_tokens,       // one score of each token: whether another model wrote it (Clark et al. 2020)
  multiple_choice,       // one score of each text: how well it ends with one of several choices
};
// Does the head end in a layer with num_labels outputs?
constexpr bool predicts_labels(Head head) { return head != Head::masked_lm && head != Head::pooler && head != Head::none; }
// Do config.json and Model::labels name the outputs?
constexpr bool names_labels(Head head) { return head == Head::classification || head == Head::token_classification; }
// Does the head have a linear layer with an activation (nn/heads.h) before its last layer, or nothing else?
constexpr bool has_pooler(Head head) {
  return head == Head::pooler || head == Head::classification || head == Head::next_sentence || head == Head::replaced_tokens ||
         head == Head::multiple_choice;
}
// Does the head have one output?
constexpr bool has_one_output(Head head) { return head == Head::replaced_tokens || head == Head::multiple_choice; }

// The vector that Head::classification and Head::multiple_choice make of a text.
enum class HeadPooling : uint8_t {
  first,           // its first row
  mean,            // the mean of its rows
  mean_of_pooled,  // the mean of what its rows are behind the pooler
};

// The meaning of the outputs of Head::classification.
enum class LabelKind : uint8_t {
  one,      // logits of labels of which exactly one holds
  several,  // a logit of each label, which holds or not whatever the others do
  values,   // numbers
};

// The position table added to the embeddings.
enum class PositionTable : uint8_t {
  none,
  sinusoidal,            // sines in the first half of the columns, cosines in the second (Vaswani et al. 2017, section 3.5)
  sinusoidal_inclusive,  // likewise, with frequencies from 1 to exactly 1/10000, as in tensor2tensor and fairseq
  learned,               // one table per stack (Gehring et al. 2017)
};

constexpr int kMostLayers = 1024;  // per stack

struct TransformerConfig {
  Kind kind = Kind::encoder_decoder;
  int vocab_size = 0;
  int hidden_size = 512;                      // d_model
  std::vector<LayerConfig> encoder, decoder;  // empty if the network has no such stack
  std::optional<NormConfig> final_norm;       // applied after the last layer of each stack
  PositionTable position_table = PositionTable::sinusoidal;
  int max_position_embeddings = 1024;  // longest sequence on either side
  int position_offset = 0;             // row of the table for the first position of a sequence
  RelativeBuckets relative_buckets;
  RelativeTable relative_table;              // one per stack, for disentangled attention
  float embedding_scale = 1;                 // factor of the embeddings; sqrt(hidden_size) in Vaswani et al. 2017, section 3.4
  std::optional<NormConfig> embedding_norm;  // on the embeddings of each stack, before their dropout
  // Columns of the embeddings, which a linear layer maps to hidden_size; 0: hidden_size and no such layer. An encoder maps the sum of all
  // embeddings; a decoder alone those of the tokens, without a bias, and its last rows back to this size (Zhang et al. 2022, OPT-350M).
  int embedding_size = 0;
  int layer_groups = 0;  // a stack's layers share weights in this many groups of neighbours (Lan et al. 2019); 0: they share none
  int token_types = 0;   // rows of a table added to the embeddings according to the text that a token belongs to; 0: no table
  bool tie_word_embeddings = true;  // the output layer shares the embedding's weight (Press and Wolf 2017)
  float output_scale = 1;           // factor of the output layer's input in a decoder; hidden_size^-0.5 in Raffel et al. 2020
  float logit_soft_cap = 0;         // a decoder's logits become logit_soft_cap * tanh(logit / logit_soft_cap); 0: unchanged
  bool output_bias = false;         // learned bias of a decoder's output layer
  bool final_logits_bias = true;    // adds a constant, untrained vector to the logits
  float initializer_range = 0;      // deviation of normal initial weights, as in GPT-2; 0: Xavier, embeddings hidden_size^-0.5
  float dropout = 0.1f;             // dropout of the embeddings

  // The following options apply to networks with a head (has_head(); Devlin et al. 2018).
  Head head = Head::masked_lm;
  Activation head_activation = Activation::gelu;    // for Head::masked_lm
  NormConfig head_norm;                             // for Head::masked_lm, and with pooler_norm
  bool head_bias = true;                            // bias of the linear layer before the last one
  bool head_transform = true;                       // Head::masked_lm has a linear layer and a norm before its last layer
  bool head_output_bias = true;                     // bias of the last layer of Head::masked_lm
  int num_labels = 2;                               // for heads that predict labels
  LabelKind label_kind = LabelKind::one;            // for Head::classification
  float classifier_dropout = 0;                     // before the last layer of Head::classification and Head::token_classification
  Activation pooler_activation = Activation::tanh;  // for heads with a pooler
  bool dropout_before_pooler = false;               // classifier_dropout also before the pooler of Head::classification
  HeadPooling head_pooling = HeadPooling::first;    // for Head::classification and Head::multiple_choice
  bool pooler_norm = false;                         // head_norm behind the pooler of heads that predict labels
  bool pooler_of_tokens = false;                    // heads for labels of tokens have a pooler, too
  // A decoder with a head begins with the text's last token (mBART), not with decoder_start_token_id.
  bool starts_with_last_token = false;

  int pad_token_id = 0;                // used only by transformers, for padding; -1: none
  std::vector<int32_t> eos_token_ids;  // each of them ends a text; empty: no token does
  int decoder_start_token_id = 0;      // input before the first output token; -1: none, and a decoder alone then needs a prompt

  bool operator==(const TransformerConfig&) const = default;
  bool is_eos(int32_t id) const { return std::find(eos_token_ids.begin(), eos_token_ids.end(), id) != eos_token_ids.end(); }
  bool has_encoder() const { return kind != Kind::decoder_only; }
  bool has_decoder() const { return kind != Kind::encoder_only; }
  // Does a head, nn/heads.h, take the place of the prediction of next tokens?
  bool has_head() const { return !has_decoder() || (has_encoder() && predicts_labels(head)); }
  // Does it have an output layer over the vocabulary?
  bool predicts_tokens() const { return !has_head() || head == Head::masked_lm; }
  int position_rows() const { return max_position_embeddings + position_offset; }  // of a position table
  int embedding_columns() const { return embedding_size > 0 ? embedding_size : hidden_size; }
  int position_columns() const { return kind == Kind::decoder_only ? hidden_size : embedding_columns(); }  // of a position table
  int output_columns() const { return has_decoder() ? embedding_columns() : hidden_size; }                 // of the rows of the last stack
  const std::vector<LayerConfig>& stack(Side side) const { return side == Side::encoder ? encoder : decoder; }
  std::vector<LayerConfig>& stack(Side side) { return side == Side::encoder ? encoder : decoder; }
};

// Throws an error with the option's name, its value and the possible values if the options are inconsistent.
void validate(const TransformerConfig& config);

// The row of a text that Head::classification and Head::multiple_choice read, unless they read all: the first one, or with a decoder that
// of the last end-of-text token. Throws Error(bad_input) if there is none.
int32_t row_of_label(const TransformerConfig& config, std::span<const int32_t> ids);

// The longest sequence that a decoder with longrope rotates by its short factors; 0: none has longrope. In longer sequences all keys rotate
// by the long factors, so kept ones must be computed again, as in transformers' Phi3ForCausalLM.
int64_t rotation_boundary(const TransformerConfig& config);

}  // namespace qkv
