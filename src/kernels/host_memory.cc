#include "kernels/host_memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

namespace qkv {
namespace {

constexpr int64_t kAlignment = 64, kHugePage = int64_t{2} << 20;

void* allocate(int64_t bytes) {
  const int64_t alignment = bytes % kHugePage == 0 ? kHugePage : kAlignment;
  void* data =
      std::aligned_alloc(static_cast<size_t>(alignment), static_cast<size_t>(bytes + (kAlignment - bytes % kAlignment) % kAlignment));
  // A wish: its failure changes nothing.
  if (data && alignment == kHugePage && bytes > kHugePage) ::madvise(data, static_cast<size_t>(bytes), MADV_HUGEPAGE);
  return data;
}

void copy(const void* from, void* to, int64_t bytes) {
  if (bytes > 0) std::memcpy(to, from, static_cast<size_t>(bytes));
}

}  // namespace

DeviceMemory host_memory() {
  return {.shared_with_host = true,
          .allocate = allocate,
          .free = [](void* data, int64_t) { std::free(data); },
          .copy_to_host = copy,
          .copy_from_host = copy,
          .copy_within = copy,
          .fill =
              [](void* to, unsigned char value, int64_t bytes) {
                if (bytes > 0) std::memset(to, value, static_cast<size_t>(bytes));
              }};
}

DeviceStream host_stream() {
  return {.begin = [] {}, .wait = [] {}};
}

}  // namespace qkv
