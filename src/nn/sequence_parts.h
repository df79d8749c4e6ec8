// Batches cut between sequences. And a pass without gradient in such parts, one on each thread: no thread waits for the others after every
// op, and what it computes stays in its own cache.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "nn/forward_context.h"
#include "nn/token_batch.h"

namespace qkv {

// Consecutive sequences.
struct SequenceRange {
  int64_t first, last;  // [first, last)
};

TokenBatch sequences_of(const TokenBatch& batch, SequenceRange range);

// Where part `part` of `parts` about equal ones begins: the first unit whose middle lies at or behind the part's share of the tokens.
// ends: the tokens up to the end of each unit.
int64_t first_of_part(std::span<const int64_t> ends, int64_t part, int64_t parts);

// The sequences in equal parts of whole ones, a multiple of `threads`. One part if they are too few for that, or too unequal: then the
// threads share each op.
std::vector<SequenceRange> sequence_parts(const Segments& segments, int64_t threads);

// run() of the whole batch, whose rows come out in their order. It runs on several threads at once, each time with a part and a context of
// its own, unless the pass is recorded, observed or part of a training step, or the device has a memory of its own. Its rows must not
// depend on other sequences.
Tensor by_sequences(const TokenBatch& batch, Device device, ForwardContext& context,
                    const std::function<Tensor(const TokenBatch&, ForwardContext&)>& run);

}  // namespace qkv
