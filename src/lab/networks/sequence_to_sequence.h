// Sequence-to-sequence networks in the three families of Transformers, made of the same layers.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "evaluate/batch_source.h"
#include "lab/networks/network.h"
#include "nn/stack.h"
#include "qkv/cancellation.h"

namespace qkv::lab {

enum class Family : uint8_t {
  encoder_decoder,  // the decoder attends to the encoder's output (Vaswani et al. 2017)
  decoder,          // one causal network over the source and then the target
  prefix_decoder,   // as decoder, with the source's tokens seeing each other in both directions (Raffel et al. 2020, section 3.2.1)
  encoder,          // one network without a mask over the source and a mark per target token, all predicted at once
};

// The source as seen by the decoder's cross-attention.
enum class Memory : uint8_t {
  tokens,  // the encoder's output
  mean,    // its mean, one row
  none,    // a row of zeros
};

struct SequenceToSequenceOptions {
  Family family = Family::encoder_decoder;
  NetworkOptions network;  // encoder_decoder uses it twice; its positions are sinusoidal
  bool causal_encoder = false;
  Memory memory = Memory::tokens;
  int start = 0, end = 1;  // the tokens before a target, and at the end of source and target
};

class SequenceToSequence {
 public:
  SequenceToSequence(SequenceToSequenceOptions options, ParameterStore& store);

  // The rows that predict the targets' tokens, from the source and the previous tokens (for an encoder: from their number only). [target
  // rows, hidden_size]
  Tensor forward(const TokenBatch& source, const TokenBatch& target_in, ForwardContext& context) const;
  CrossEntropyResult loss(const TrainingBatch& batch, ForwardContext& context) const;
  // The likeliest tokens, one after another until `end` or the length limits[i]; an encoder gives limits[i] tokens at once.
  std::vector<std::vector<int32_t>> translate(std::span<const std::vector<int32_t>> sources, std::span<const int32_t> limits, DType dtype,
                                              const CancellationToken* cancellation = nullptr) const;

  // Multiplications and additions with weights, forward and backward, for a pair of these lengths: 6 for each weight and row it is applied
  // to (Kaplan et al. 2020, section 2.1). Attention's own, a few percent at these lengths, are ignored.
  double training_flops(const ParameterStore& store, double source_tokens, double target_tokens) const;

 private:
  Tensor decode(const Tensor& encoded, const TokenBatch& source, const TokenBatch& target_in, ForwardContext& context) const;

  SequenceToSequenceOptions options_;
  Network network_;  // the encoder, or the only network
  std::optional<Stack> decoder_;
};

}  // namespace qkv::lab
