// Memory blocks kept for reuse, since training steps request similar sizes.
#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace qkv {

// Device memory of at least `bytes` bytes, aligned to 64; `granted` receives the actual size. Throws Error(unsupported) if the system has
// no more.
void* allocate_block(int64_t bytes, int64_t& granted, Device device = Device::cpu);
void free_block(void* block, Device device = Device::cpu) noexcept;

}  // namespace qkv
