// Cuts an update into slices: parts of equal work whose gradients are added in one fixed tree, whoever computes them.
#pragma once

#include <cstdint>
#include <vector>

#include "evaluate/batch_source.h"

namespace qkv {

// A batch of an update, or one of the equal parts that it is cut into.
struct SliceUnit {
  size_t batch = 0;
  int part = 0, parts = 1;
};

// The work of slice `slice` of `slices` in an update of `batches` batches: whole batches where there are enough, otherwise parts of them,
// so that no pass is larger than a batch.
std::vector<SliceUnit> units_of_slice(size_t batches, int slices, int slice);

// The sequences of one part of a batch. Cuts lie between sequences, or between groups of choices, and make the numbers of tokens about
// equal, so a part may be empty.
TrainingBatch part_of(const TrainingBatch& batch, int part, int parts);

}  // namespace qkv
