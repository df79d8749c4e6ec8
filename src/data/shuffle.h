// The order of an epoch; it depends on seed and epoch only.
#pragma once

#include <cstdint>
#include <vector>

#include "base/philox.h"

namespace qkv {

// The purposes of an epoch's random numbers; each purpose has its own stream.
enum class EpochDraw : uint32_t { order = 0x6F726472, offset = 0x6F666673, mask = 0x6D61736B };

// Seeded with one Philox block of seed, epoch (below 2^32) and `number`, which distinguishes several draws of one epoch. Neighbouring
// epochs and seeds, and other uses of the same seed, are independent.
RandomStream epoch_stream(uint64_t seed, int64_t epoch, EpochDraw draw, int64_t number = 0);

// The numbers below `count` in an epoch's order.
std::vector<int32_t> shuffled(int64_t count, uint64_t seed, int64_t epoch);

}  // namespace qkv
