// Networks that turn a sequence into another, in the three families that the Transformer has become, from the same layers.
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
  prefix_decoder,   // the same, with the source's tokens seeing each other both ways (Raffel et al. 2020, section 3.2.1)
  encoder,          // one network without a mask over the source and a mark for each token of the target, all predicted at once
};

// What the decoder's cross-attention sees of a source.
enum class Memory : uint8_t {
  tokens,  // the encoder's output
  mean,    // its mean, one row
  none,    // a row of zeros
};

struct SequenceToSequenceOptions {
  Family family = Family::encoder_decoder;
  NetworkOptions network;  // of an encoder_decoder: each of both; its positions are sinusoidal
  bool causal_encoder = false;
  Memory memory = Memory::tokens;
  int start = 0, end = 1;  // the tokens before a target, and at the end of source and target
};

class SequenceToSequence {
 public:
  SequenceToSequence(SequenceToSequenceOptions options, ParameterStore& store);

  // The rows that predict the targets' tokens, from the source and the tokens before (of an encoder: from their number alone).
  // [target rows, hidden_size]
  Tensor forward(const TokenBatch& source, const TokenBatch& target_in, ForwardContext& context) const;
  CrossEntropyResult loss(const TrainingBatch& batch, ForwardContext& context) const;
  // The likeliest tokens, one after another until `end` or the length limits[i]; an encoder gives limits[i] tokens at once.
  std::vector<std::vector<int32_t>> translate(std::span<const std::vector<int32_t>> sources, std::span<const int32_t> limits, DType dtype,
                                              const CancellationToken* cancellation = nullptr) const;

  // Multiplications and additions with weights, forward and backward, for a pair of these lengths: 6 for each weight and row that it meets
  // (Kaplan et al. 2020, section 2.1). Attention's own, a few percent at these lengths, are left out.
  double training_flops(const ParameterStore& store, double source_tokens, double target_tokens) const;

 private:
  Tensor decode(const Tensor& encoded, const TokenBatch& source, const TokenBatch& target_in, ForwardContext& context) const;

  SequenceToSequenceOptions options_;
  Network network_;  // the encoder, or all
  std::optional<Stack> decoder_;
};

}  // namespace qkv::lab
