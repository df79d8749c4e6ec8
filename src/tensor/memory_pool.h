// Blocks of memory that are kept for reuse: a training step sees about the same sizes again and again.
#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace qkv {

// Memory of the device of at least `bytes` bytes, aligned to 64; `granted` says how many. Throws Error(unsupported) where the system has no
// more.
void* allocate_block(int64_t bytes, int64_t& granted, Device device = Device::cpu);
void free_block(void* block, Device device = Device::cpu) noexcept;

}  // namespace qkv
