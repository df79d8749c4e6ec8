// The order of an epoch: it depends on seed and epoch alone.
#pragma once

#include <cstdint>
#include <vector>

#include "base/philox.h"

namespace qkv {

// What an epoch's random numbers are for; each purpose has numbers of its own.
enum class EpochDraw : uint32_t { order = 0x6F726472, offset = 0x6F666673, mask = 0x6D61736B };

// Seeded with one Philox block of seed, epoch (below 2^32) and `number`, for draws of which an epoch has several, so that neighbouring
// epochs and seeds, and other uses of the same seed, have nothing in common.
RandomStream epoch_stream(uint64_t seed, int64_t epoch, EpochDraw draw, int64_t number = 0);

// The numbers below `count` in the order of an epoch.
std::vector<int32_t> shuffled(int64_t count, uint64_t seed, int64_t epoch);

}  // namespace qkv
