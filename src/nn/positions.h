// Where tokens stand: a table that is added to the embeddings, and what self-attention is told.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "nn/parameters.h"
#include "nn/transformer_config.h"
#include "tensor/segments.h"

namespace qkv {

// The positions of one pass's rows as self-attention wants them. Empty if no position information is used.
struct PassPositions {
  RopeTables rope;
  std::vector<int32_t> rope_row_of;  // of the tables, for each of the pass's rows
  RotaryPairs layout = RotaryPairs::halves;
  Tensor distance_bias;  // AttentionOptions::distance_bias

  // q or k, turned. x: [rows, num_heads * head_dim].
  Tensor turn(const Tensor& x, int num_heads) const;
};

// What is added to the embeddings of one stack.
class EmbeddedPositions {
 public:
  // A learned table starts as `start` says.
  EmbeddedPositions(PositionTable kind, int max_positions, int hidden_size, const Initializer& start, const ParameterScope& scope);

  // Rows for the positions 0 to count - 1 at least, as far as there are so many. [rows, hidden_size] or empty.
  Tensor rows(int64_t count) const;

  // A table that was stored, in place of computed sinusoids. [max_position_embeddings, hidden_size], f32 (f64 on the reference).
  void set_stored(Tensor table) { table_ = std::move(table); }
  // Empty if it is computed.
  const Tensor& stored() const { return table_; }

 private:
  // Sinusoids of the first positions, as many as were asked for so far: a model may announce a million.
  struct Sinusoids {
    std::mutex mutex;
    Tensor table;
  };
  int max_positions_, hidden_size_;
  Device device_;
  Tensor table_;  // learned or stored
  std::unique_ptr<Sinusoids> sinusoids_;
};

// What the self-attention of one stack's layers is told: rotations and biases, made once for the layers that agree.
class AttentionPositions {
 public:
  // Learned biases start as `start` says.
  AttentionPositions(std::span<const LayerConfig> layers, const RelativeBuckets& buckets, const Initializer& start,
                     const ParameterScope& scope);

  // For each of the groups. position_of: of each row of the queries in its sequence; `keys`: the sequences that are attended to.
  std::vector<PassPositions> pass(std::span<const int32_t> position_of, const Segments& queries, const Segments& keys) const;
  // The group of layer i.
  const std::vector<int>& group_of() const { return group_of_; }

 private:
  // Layers whose queries and keys are told the same.
  struct Group {
    std::optional<RopeOptions> rope;
    DistanceBias distance_bias = DistanceBias::none;
    int num_heads = 0;  // of a distance bias; 0: any
    bool causal = false;

    bool operator==(const Group&) const = default;
  };
  // Angles and distances of the first positions, as many as were asked for so far.
  struct Tables {
    RopeTables rope;
    Tensor alibi;
  };
  struct KnownTables {
    std::mutex mutex;
    std::vector<Tables> of_group;
  };
  static Group group(const AttentionConfig& attention);
  void set_rope(size_t group, std::span<const int32_t> position_of, const Segments& queries, const Segments& keys,
                PassPositions& pass) const;
  RopeTables known_rope(size_t group, int64_t count) const;
  Tensor known_alibi(size_t group, int64_t reach) const;

  std::vector<Group> groups_;
  std::vector<int> group_of_;
  RelativeBuckets buckets_;
  Device device_;
  Tensor bucket_bias_;  // DistanceBias::t5: [buckets, heads]
  std::unique_ptr<KnownTables> known_ = std::make_unique<KnownTables>();
};

// Sinusoidal positions (Vaswani et al. 2017, section 3.5) in halves: cos and sin of the same frequency lie size/2 apart, as
// transformers' Marian and Pegasus models have them. [count, size]
Tensor sinusoidal_positions(int count, int size, Device device);

}  // namespace qkv
