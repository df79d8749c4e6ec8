// The Transformer (Vaswani et al. 2017): encoder and decoder, a decoder alone (Radford et al. 2018) or an encoder alone (Devlin et al.
// 2018), with embeddings and output layer.
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
#include "nn/transformer_config.h"

namespace qkv {

// Sequences of token ids, back to back.
struct TokenBatch {
  std::vector<int32_t> ids;
  Segments segments;
  std::vector<int32_t> token_types;  // of each id, where the network has such; empty: all 0
};

// One pass of the decoder over tokens that follow others whose keys and values were kept. Who keeps them, and where, is not the network's
// matter (decode/step.h).
struct DecodingPass {
  TokenBatch tokens;                  // the new tokens of each sequence, one or more
  std::vector<int32_t> position_of;   // the place of each new token in its sequence
  std::vector<int32_t> row_of;        // the kept row that its key and value become
  Segments self_keys;                 // the kept rows of each sequence, those of the new tokens included
  Segments cross_keys;                // the kept rows of its source; not looked at without an encoder
  std::span<const LayerRows> layers;  // kept rows of each decoder layer
};

class Transformer {
 public:
  // Weights are created in `store` (kept by the caller as long as the model lives).
  Transformer(const TransformerConfig& config, ParameterStore& store);

  const TransformerConfig& config() const { return config_; }

  // The encoder's output for packed sources. [source tokens, hidden_size]. Without an encoder: empty.
  Tensor encode(const TokenBatch& source, ForwardContext& context) const;
  // The decoder's output for packed targets, teacher-forced; sequence i sees sequence i of the memory. [target tokens, hidden_size].
  // Without an encoder the memory is empty.
  Tensor decode(const TokenBatch& target_in, const Tensor& memory, const Segments& memory_segments, ForwardContext& context) const;
  // [rows, vocab_size] in f32, final_logits_bias included.
  Tensor logits(const Tensor& hidden) const;
  // Loss of packed sequences: row i of target_in predicts target_out[i]. With an encoder target_in starts with decoder_start_token_id and
  // sequence i belongs to sequence i of the source; without one the source is not looked at. `scale` is put on loss and gradients:
  // 1 / number of target tokens of the update.
  CrossEntropyResult loss(const TokenBatch& source, const TokenBatch& target_in, std::span<const int32_t> target_out, float label_smoothing,
                          float scale, ForwardContext& context) const;

  // Head::pooler: the pooled first row of each sequence of an encoder's output. [sequences, hidden_size]
  Tensor pooled(const Tensor& hidden, const Segments& segments) const;
  // Of an encoder alone. Each of `rows` of its output predicts one thing: a masked token's row that token, a sequence's first row its
  // label. [rows, vocab_size or num_labels] in f32.
  Tensor logits_of_rows(const Tensor& hidden, std::span<const int32_t> rows, ForwardContext& context) const;
  // rows[i] predicts targets[i]; `scale` as above.
  CrossEntropyResult loss_of_rows(const TokenBatch& tokens, std::span<const int32_t> rows, std::span<const int32_t> targets,
                                  float label_smoothing, float scale, ForwardContext& context) const;

  // Decoding. The keys and values of an encoder's output for one decoder layer's cross-attention.
  KeyValueRows project(const Tensor& memory, size_t layer) const;
  // Keeps keys and values of the new tokens. The logits after each sequence's last one: [sequences, vocab_size], f32. A sequence's row
  // does not depend on the others.
  Tensor next_logits(const DecodingPass& pass, ForwardContext& context) const;

  // What is added to the embeddings of a side that the network has.
  const EmbeddedPositions& embedded_positions(Side side) const { return positions_[static_cast<size_t>(side)]->embedded; }
  EmbeddedPositions& embedded_positions(Side side) { return positions_[static_cast<size_t>(side)]->embedded; }
  const Tensor& embed_tokens() const { return embed_tokens_; }
  const Tensor& output_weight() const { return output_weight_; }
  const Tensor& final_logits_bias() const { return final_logits_bias_; }

 private:
  // What a side's tokens become before the first layer.
  struct SidePositions {
    EmbeddedPositions embedded;
    AttentionPositions attention;
    Dropout dropout;  // of the embeddings
  };
  SidePositions make_positions(Side side, const ParameterScope& scope) const;
  const SidePositions& positions(Side side) const { return *positions_[static_cast<size_t>(side)]; }
  Tensor embed(const TokenBatch& tokens, std::span<const int32_t> position_of, Side side, ForwardContext& context) const;
  // Self-attention of one pass: position_of: of each row of the queries.
  StackPass self_pass(Side side, const Segments& queries, const Segments& keys, std::span<const int32_t> position_of,
                      std::span<const int32_t> row_of = {}) const;
  Tensor head_rows(const Tensor& hidden, std::span<const int32_t> rows, ForwardContext& context) const;

  TransformerConfig config_;
  Initialization start_;
  Tensor embed_tokens_;                                    // [vocab_size, hidden_size], shared by both sides
  std::array<std::optional<SidePositions>, 2> positions_;  // by Side
  Tensor embed_token_types_;                               // [token_types, hidden_size] or empty
  std::optional<Norm> embedding_norm_;
  Tensor final_logits_bias_;  // [vocab_size], constant; or empty
  std::optional<Stack> encoder_, decoder_;
  std::optional<MaskedLmHead> masked_lm_head_;
  std::optional<ClassificationHead> classification_head_;
  std::optional<Pooler> pooler_;
  Tensor output_weight_;  // [vocab_size, hidden_size]; embed_tokens_ itself where they are tied. Empty if no token is predicted.
};

}  // namespace qkv
