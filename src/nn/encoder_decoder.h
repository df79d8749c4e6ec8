// The Transformer of "Attention Is All You Need" (Vaswani et al. 2017): encoder, decoder, tied embeddings and output layer.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "nn/decoder_state.h"
#include "nn/forward_context.h"
#include "nn/parameters.h"
#include "nn/stack.h"
#include "nn/transformer_config.h"

namespace qkv {

// Sequences of token ids, back to back.
struct TokenBatch {
  std::vector<int32_t> ids;
  Segments segments;
};

class EncoderDecoder {
 public:
  // Weights are created in `store` (kept by the caller as long as the model lives).
  EncoderDecoder(const TransformerConfig& config, ParameterStore& store);

  const TransformerConfig& config() const { return config_; }

  // The encoder's output for packed sources. [source tokens, hidden_size]
  Tensor encode(const TokenBatch& source, ForwardContext& context) const;
  // The decoder's output for packed targets, teacher-forced; sequence i sees sequence i of the memory. [target tokens, hidden_size]
  Tensor decode(const TokenBatch& target_in, const Tensor& memory, const Segments& memory_segments, ForwardContext& context) const;
  // [rows, vocab_size] in f32, final_logits_bias included.
  Tensor logits(const Tensor& hidden) const;
  // Loss of packed pairs: target_in starts with decoder_start_token_id, target_out (same lengths) ends with eos_token_id.
  // `scale` is put on loss and gradients: 1 / number of target tokens of the update.
  CrossEntropyResult loss(const TokenBatch& source, const TokenBatch& target_in, std::span<const int32_t> target_out, float label_smoothing,
                          float scale, ForwardContext& context) const;

  // Step-by-step decoding. `memory` and its segments stay with the state.
  DecoderState start(const Tensor& memory, const Segments& memory_segments, ForwardContext& context) const;
  // Feeds token tokens[i] to hypothesis i of the new set. Hypothesis i continues hypothesis parents[i] of the last step (ignored
  // at the first one, where there is nothing yet) and reads sequence sources[i] of the memory. Result: [hypotheses, vocab_size],
  // f32. Hypotheses may be copied, reordered and dropped freely from step to step; no key or value moves.
  Tensor step(DecoderState& state, std::span<const int32_t> tokens, std::span<const int32_t> parents, std::span<const int32_t> sources,
              ForwardContext& context) const;

  const Tensor& embed_tokens() const { return embed_tokens_; }
  const Tensor& final_logits_bias() const { return final_logits_bias_; }

 private:
  Tensor embed(std::span<const int32_t> ids, std::span<const int32_t> positions, ForwardContext& context) const;

  TransformerConfig config_;
  Tensor embed_tokens_;       // [vocab_size, hidden_size], shared by both sides and the output layer
  Tensor positions_;          // [max_position_embeddings, hidden_size], sinusoids
  Tensor final_logits_bias_;  // [vocab_size], constant
  Stack encoder_, decoder_;
};

}  // namespace qkv
