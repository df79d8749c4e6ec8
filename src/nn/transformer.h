// The Transformer (Vaswani et al. 2017) as encoder and decoder, decoder only (Radford et al. 2018) or encoder only (Devlin et al. 2018),
// with embeddings and output layer.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "nn/forward_context.h"
#include "nn/heads.h"
#include "nn/kept_rows.h"
#include "nn/parameters.h"
#include "nn/positions.h"
#include "nn/stack.h"
#include "nn/token_batch.h"
#include "nn/transformer_config.h"

namespace qkv {

// One pass of the decoder over new tokens whose predecessors' keys and values are kept. The caller manages the kept rows (decode/step.h).
struct DecodingPass {
  TokenBatch tokens;                  // one or more new tokens of each sequence
  std::vector<int32_t> position_of;   // the position of each new token in its sequence
  std::vector<int32_t> row_of;        // the kept row for each new token's key and value
  Segments self_keys;                 // the kept rows of each sequence, including its new tokens
  Segments cross_keys;                // the kept rows of each sequence's source; ignored without an encoder
  std::span<const LayerRows> layers;  // kept rows of each decoder layer
};

class Transformer {
 public:
  // Creates the weights in `store`, which must outlive the network.
  Transformer(const TransformerConfig& config, ParameterStore& store);

  const TransformerConfig& config() const { return config_; }

  // The encoder's output for packed sources: [source tokens, hidden_size], or empty without an encoder.
  Tensor encode(const TokenBatch& source, ForwardContext& context) const;
  // The decoder's output for packed, teacher-forced targets: [target tokens, output_columns()]. Sequence i attends to sequence i of the
  // memory, which is empty without an encoder.
  Tensor decode(const TokenBatch& target_in, const Tensor& memory, const Segments& memory_segments, ForwardContext& context) const;
  // [rows, vocab_size] in f32, including final_logits_bias.
  Tensor logits(const Tensor& hidden) const;
  // Loss of packed sequences: row i of target_in predicts target_out[i], or row rows[i] if there are any. With an encoder, each sequence of
  // target_in starts with decoder_start_token_id and sequence i belongs to sequence i of the source; without one, the source is ignored.
  // `scale` multiplies loss and gradients and is 1 / number of target tokens of the update.
  CrossEntropyResult loss(const TokenBatch& source, const TokenBatch& target_in, std::span<const int32_t> target_out, float label_smoothing,
                          float scale, ForwardContext& context, std::span<const int32_t> rows = {}) const;

  // For Head::pooler: the pooled first row of each sequence of an encoder's output. [sequences, hidden_size]
  Tensor pooled(const Tensor& hidden, const Segments& segments) const;
  // The rows that a head reads: the encoder's output, or that of a decoder that reads the text moved by one place.
  Tensor rows_for_head(const TokenBatch& text, ForwardContext& context) const;
  // The predictions of `rows` of rows_for_head(), [rows, vocab_size or num_labels] in f32. The row of a masked token predicts that token,
  // row_of_label() of a sequence its label, and the row of a token what heads say of tokens.
  Tensor logits_of_rows(const Tensor& hidden, const Segments& segments, std::span<const int32_t> rows, ForwardContext& context) const;
  // The loss if rows[i] predicts targets[i], one of the outputs; `scale` as in loss().
  CrossEntropyResult loss_of_rows(const TokenBatch& tokens, std::span<const int32_t> rows, std::span<const int32_t> targets,
                                  float label_smoothing, float scale, ForwardContext& context) const;

  // Decoding only: the keys and values of an encoder's output for the cross-attention of one decoder layer.
  KeyValueRows project(const Tensor& memory, size_t layer) const;
  // Stores the keys and values of the new tokens and returns the logits after each sequence's last token: [sequences, vocab_size], f32. A
  // sequence's row does not depend on the other sequences.
  Tensor next_logits(const DecodingPass& pass, ForwardContext& context) const;

  // The position table of a side that the network has.
  const EmbeddedPositions& embedded_positions(Side side) const { return positions_[static_cast<size_t>(side)]->embedded; }
  EmbeddedPositions& embedded_positions(Side side) { return positions_[static_cast<size_t>(side)]->embedded; }
  const Tensor& embed_tokens() const { return embed_tokens_; }
  const Tensor& final_logits_bias() const { return final_logits_bias_; }

 private:
  // Positions and dropout of one side.
  struct SidePositions {
    EmbeddedPositions embedded;
    AttentionPositions attention;
    std::optional<Norm> embedding_norm;
    Dropout dropout;  // dropout of the embeddings
  };
  SidePositions make_positions(Side side, const ParameterScope& scope) const;
  const SidePositions& positions(Side side) const { return *positions_[static_cast<size_t>(side)]; }
  Tensor embed(const TokenBatch& tokens, std::span<const int32_t> position_of, Side side, ForwardContext& context) const;
  // The embeddings and positions of a decoder whose embeddings have another size. row_of, table: as in show_embedding.
  Tensor embed_projected(const TokenBatch& tokens, std::span<const int32_t> row_of, const Tensor& table, ForwardContext& context) const;
  // Reports the rows that embed() adds. row_of: rows of the position table.
  void show_embedding(const TokenBatch& tokens, std::span<const int32_t> row_of, const Tensor& table, ForwardContext& context) const;
  // Sequences and positions for self-attention in one pass. position_of: the position of each query row.
  StackPass self_pass(Side side, const Segments& queries, const Segments& keys, std::span<const int32_t> position_of,
                      const ForwardContext& context, std::span<const int32_t> row_of = {}) const;
  // What decode() returns of the last layer's rows.
  Tensor decoded_rows(const Tensor& hidden) const { return decoder_projection_ ? decoder_projection_->forward(hidden) : hidden; }
  // The input of a decoder's output layer.
  Tensor output_rows(const Tensor& hidden) const;
  Tensor head_rows(const Tensor& hidden, const Segments& segments, std::span<const int32_t> rows, ForwardContext& context) const;

  TransformerConfig config_;
  Initialization start_;
  Tensor embed_tokens_;                                    // [vocab_size, embedding_columns], shared by both sides
  std::array<std::optional<SidePositions>, 2> positions_;  // indexed by Side
  Tensor embed_token_types_;                               // [token_types, embedding_columns] or empty
  std::optional<Linear> embedding_projection_;
  std::optional<Linear> decoder_projection_;  // of a decoder whose embeddings have another size: back to it
  Tensor final_logits_bias_;                  // [vocab_size], constant, or empty
  std::optional<Stack> encoder_, decoder_;
  std::optional<MaskedLmHead> masked_lm_head_;
  std::optional<ClassificationHead> classification_head_;
  std::optional<Pooler> pooler_;
  Tensor output_weight_;  // [vocab_size, embedding_columns]; embed_tokens_ itself if tied; empty if no token is predicted
  Tensor output_bias_;    // [vocab_size], of a decoder's output layer: learned, or final_logits_bias_, or empty
};

}  // namespace qkv
