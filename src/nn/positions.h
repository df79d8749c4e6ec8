// Where tokens stand, told to the network in one of the ways of `Position`.
#pragma once

#include <array>
#include <memory>
#include <mutex>
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

// Sinusoids of the first positions, as many as were asked for so far: a model may announce a million.
class SinusoidTable {
 public:
  // [rows, size], at least `count` rows where `most` allows it.
  Tensor rows(int64_t count, int64_t most, int size, Device device);

 private:
  std::mutex mutex_;
  Tensor table_;
};

class Positions {
 public:
  Positions(const TransformerConfig& config, ParameterStore& store);

  // What is added to the embeddings of the encoder or the decoder, for the positions 0 to count - 1 at least, as far as there are so many.
  // [rows, hidden_size] or empty.
  Tensor table(bool decoder, int64_t count) const;

  // A table that was stored, in place of computed sinusoids. [max_position_embeddings, hidden_size], f32 (f64 on the reference).
  void set_table(bool decoder, Tensor table) { tables_[decoder] = std::move(table); }
  // Empty where it is computed.
  const Tensor& stored_table(bool decoder) const { return tables_[decoder]; }

  // position_of: [rows]; `longest`: tokens of the longest sequence that is attended to.
  PassPositions pass(bool decoder, std::span<const int32_t> position_of, int64_t longest) const;

 private:
  Position kind_;
  RopeOptions rope_;
  int num_heads_;
  int max_distance_;
  Device device_;
  int max_positions_, hidden_size_;
  std::array<Tensor, 2> tables_;         // encoder, decoder: learned or stored
  std::array<Tensor, 2> bucket_biases_;  // the same: [buckets, heads]
  std::unique_ptr<SinusoidTable> sinusoids_;
};

// Sinusoidal positions (Vaswani et al. 2017, section 3.5) in halves: cos and sin of the same frequency lie size/2 apart, as
// transformers' Marian and Pegasus models have them. [count, size]
Tensor sinusoidal_positions(int count, int size, Device device);

}  // namespace qkv
