// Positions of tokens: a table added to the embeddings, and rotations and biases for self-attention.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "nn/modules.h"
#include "nn/transformer_config.h"
#include "tensor/segments.h"

namespace qkv {

// The positions of one pass's rows in the form that self-attention uses. Empty if no position information is used.
struct PassPositions {
  RopeTables rope;
  std::vector<int32_t> rope_row_of;  // row of the tables for each row of the pass
  RotaryPairs layout = RotaryPairs::halves;
  Tensor distance_bias;  // see AttentionOptions::distance_bias
  // Rows of the table of relative positions for this pass, [rows, hidden_size], and which of them a distance has (RelativePositions::row).
  Tensor relative_positions;
  std::shared_ptr<const std::vector<int32_t>> relative_row;

  // q and k rotated, if anything rotates. x: [rows, num_heads * head_dim].
  Tensor turn_queries(const Tensor& x, int num_heads) const;
  Tensor turn_keys(const Tensor& x, int num_heads) const;
};

// The position table added to the embeddings of one stack.
class EmbeddedPositions {
 public:
  // rows: those of a whole table; start: initialization of a learned one.
  EmbeddedPositions(PositionTable kind, int rows, int hidden_size, const Initializer& start, const ParameterScope& scope);

  // A table with at least the rows 0 to count - 1, limited to the whole table. [rows, hidden_size] or empty.
  Tensor rows(int64_t count) const;

  // Replaces computed sinusoids by a stored table. [max_position_embeddings, hidden_size], f32 (f64 on the reference).
  void set_stored(Tensor table) { table_ = std::move(table); }
  // Empty if the table is computed.
  const Tensor& stored() const { return table_; }

 private:
  // Sinusoids of the first positions, computed on demand: a model may announce a million positions.
  struct Sinusoids {
    std::mutex mutex;
    Tensor table;
  };
  PositionTable kind_;
  int most_rows_, hidden_size_;
  Device device_;
  Tensor table_;  // learned or stored
  std::unique_ptr<Sinusoids> sinusoids_;
};

// Rotations and biases for the self-attention layers of one stack, computed once per group of layers with equal settings.
class AttentionPositions {
 public:
  // start: initialization of learned biases and relative positions.
  AttentionPositions(std::span<const LayerConfig> layers, const RelativeBuckets& buckets, const Initializer& start,
                     const ParameterScope& scope, const RelativeTable& relative = {}, int hidden_size = 0);

  // One entry per group. position_of: the position in its sequence of each query row; `keys`: the attended sequences; dtype: that of the
  // activations.
  std::vector<PassPositions> pass(std::span<const int32_t> position_of, const Segments& queries, const Segments& keys,
                                  DType dtype = DType::f32) const;
  // The group of each layer.
  const std::vector<int>& group_of() const { return group_of_; }

 private:
  // Settings shared by a group of layers.
  struct Group {
    std::optional<RopeOptions> rope;
    DistanceBias distance_bias = DistanceBias::none;
    int num_heads = 0;  // heads of the distance bias; 0 if there is none
    bool causal = false;
    bool disentangled = false;
    int layer = -1;  // of a distance bias with a table per layer

    bool operator==(const Group&) const = default;
  };
  // Angles and distance biases of the first positions, computed on demand.
  struct Tables {
    RopeTables rope;
    Tensor alibi;
  };
  struct KnownTables {
    std::mutex mutex;
    std::vector<Tables> of_group;
  };
  static Group group(const AttentionConfig& attention, int layer);
  void set_rope(size_t group, std::span<const int32_t> position_of, const Segments& queries, const Segments& keys,
                PassPositions& pass) const;
  void set_relative(int64_t reach, DType dtype, PassPositions& pass) const;
  RopeTables known_rope(size_t group, int64_t count) const;
  Tensor known_alibi(size_t group, int64_t reach) const;

  std::vector<Group> groups_;
  std::vector<int> group_of_;
  RelativeBuckets buckets_;
  Device device_;
  RelativeTable relative_table_;
  Tensor relative_positions_;  // [2 * span, hidden_size], or empty
  std::optional<Norm> relative_norm_;
  std::vector<Tensor> bucket_bias_;  // of each group, with buckets: [buckets, heads]
  std::unique_ptr<KnownTables> known_ = std::make_unique<KnownTables>();
};

// The row of the table of relative positions for a key at `distance` = key - query.
int64_t relative_row_of(int64_t distance, const RelativeTable& table);

// Sinusoidal positions (Vaswani et al. 2017, section 3.5) with sines in the first half of the columns and cosines in the second: a pair of
// one frequency is size/2 apart, as in transformers' Marian and Pegasus models. [count, size]
Tensor sinusoidal_positions(int count, int size, Device device);

// Sinusoidal positions of tensor2tensor and fairseq, in transformers' M2M100 model: the frequencies are exp(-i ln(10000) / (size/2 - 1)),
// computed in f32 as there, and the last column of an odd size is 0. [count, size]
Tensor inclusive_sinusoidal_positions(int count, int size, Device device);

}  // namespace qkv
