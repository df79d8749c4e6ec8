// The rows of each sequence in a packed batch. Only attention, positions and pooling use them; every other op works on rows.
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
  // Sequence i consists of the rows listed in rows[i], in any order and possibly shared: keys in a cache.
  static Segments of_rows(std::span<const std::vector<int32_t>> rows);
  // Sequence i of the result is sequence choice[i] of this one; rows are shared, not moved.
  Segments select(std::span<const int32_t> choice) const;

  int64_t count() const { return static_cast<int64_t>(begin_.size()); }
  int32_t begin(int64_t i) const { return begin_[i]; }
  int32_t length(int64_t i) const { return length_[i]; }
  int64_t tokens() const { return tokens_; }       // rows spanned by the segments
  bool listed() const { return !index_.empty(); }  // created by of_rows
  int32_t longest() const { return longest_; }
  // View for the device's kernels, valid while these segments or a copy of them live. Threads may call it on shared segments only for
  // devices that share the host's memory.
  SegmentView view(Device device) const;
  // Position of each row in its sequence, for consecutive sequences. [tokens]
  std::vector<int32_t> positions() const;

 private:
  std::vector<int32_t> begin_, length_;
  std::vector<int32_t> index_;  // only after of_rows: sequence i is the rows index_[begin_[i]], …
  int64_t tokens_ = 0;
  int32_t longest_ = 0;
  struct OnDevice;
  mutable std::shared_ptr<const OnDevice> on_device_;  // copies of the lists on the most recently used device
};

}  // namespace qkv
