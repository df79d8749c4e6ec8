// Where tokens stand, told to the network in one of the ways of `Position`.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "nn/parameters.h"
#include "nn/transformer_config.h"

namespace qkv {

// The positions of one pass's rows as self-attention wants them. Empty: it is told nothing.
struct PassPositions {
  RopeTables rope;                   // rows for the positions first, first + 1, …
  std::vector<int32_t> rope_row_of;  // [rows]
  RotaryPairs layout = RotaryPairs::halves;
  Tensor distance_bias;  // AttentionOptions::distance_bias

  // q or k, turned. x: [rows, num_heads * head_dim].
  Tensor turn(const Tensor& x, int num_heads) const;
};

class Positions {
 public:
  Positions(const TransformerConfig& config, ParameterStore& store);

  // What is added to the embeddings of the encoder or the decoder. [max_position_embeddings, hidden_size] or empty.
  const Tensor& table(bool decoder) const { return tables_[decoder]; }

  // position_of: [rows]; `longest`: tokens of the longest sequence that is attended to.
  PassPositions pass(bool decoder, std::span<const int32_t> position_of, int64_t longest) const;

 private:
  Position kind_;
  RopeOptions rope_;
  int num_heads_;
  int max_distance_;
  Device device_;
  std::array<Tensor, 2> tables_;         // encoder, decoder
  std::array<Tensor, 2> bucket_biases_;  // the same: [buckets, heads]
};

// Sinusoidal positions (Vaswani et al. 2017, section 3.5) in halves: cos and sin of the same frequency lie size/2 apart, as
// transformers' Marian and Pegasus models have them. [count, size]
Tensor sinusoidal_positions(int count, int size, Device device);

}  // namespace qkv
