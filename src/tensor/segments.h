// Where each sequence of a packed batch lies. Only attention, positions and pooling read it; every other op sees rows.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/kernel_table.h"

namespace qkv {

class Segments {
 public:
  Segments() = default;
  // Sequences of these lengths, back to back.
  static Segments of_lengths(std::span<const int32_t> lengths);
  // Sequence i is the rows that rows[i] lists, wherever they lie: a cache of keys whose rows sequences share.
  static Segments of_rows(std::span<const std::vector<int32_t>> rows);
  // Sequence i of the result is sequence choice[i] of this one (rows are shared, nothing moves).
  Segments select(std::span<const int32_t> choice) const;

  int64_t count() const { return static_cast<int64_t>(begin_.size()); }
  int32_t begin(int64_t i) const { return begin_[i]; }
  int32_t length(int64_t i) const { return length_[i]; }
  int64_t tokens() const { return tokens_; }       // rows that the segments span
  bool listed() const { return !index_.empty(); }  // made by of_rows
  int32_t longest() const { return longest_; }
  // As the device's kernels read it; valid while these segments or a copy of them live. Not for threads that share segments, but on devices
  // that share the host's memory.
  SegmentView view(Device device) const;
  // Position of each row in its sequence, for consecutive sequences. [tokens]
  std::vector<int32_t> positions() const;

 private:
  std::vector<int32_t> begin_, length_;
  std::vector<int32_t> index_;  // of of_rows: sequence i is the rows index_[begin_[i]], …
  int64_t tokens_ = 0;
  int32_t longest_ = 0;
  struct OnDevice;
  mutable std::shared_ptr<const OnDevice> on_device_;  // the lists in the memory of the device that asked last
};

}  // namespace qkv
