#include "tensor/memory_pool.h"

#include <bit>
#include <cstdlib>
#include <map>
#include <mutex>
#include <vector>

#include "base/error.h"

namespace qkv {
namespace {

struct Pool {
  std::mutex mutex;
  std::map<int64_t, std::vector<void*>> waiting;  // by size
  MemoryStatistics statistics;
};

Pool& pool() {
  static Pool* instance = new Pool;  // outlives every tensor, static ones too
  return *instance;
}

// Sizes are rounded up to an eighth of a power of two, so that batches of nearly the same number of tokens share blocks.
int64_t size_class(int64_t bytes) {
  if (bytes <= 1024) return 1024;
  const int64_t step = std::bit_floor(static_cast<uint64_t>(bytes)) / 8;
  return (bytes + step - 1) / step * step;
}

void release_waiting(Pool& p) {
  for (auto& [size, blocks] : p.waiting) {
    for (void* block : blocks) std::free(block);
    p.statistics.bytes_reserved -= size * static_cast<int64_t>(blocks.size());
  }
  p.waiting.clear();
}

}  // namespace

void* allocate_block(int64_t bytes, int64_t& granted) {
  if (bytes < 0 || bytes > (int64_t{1} << 46))
    fail(ErrorCode::unsupported, "a tensor of {} bytes is larger than any machine's memory", bytes);
  granted = size_class(bytes);
  Pool& p = pool();
  std::lock_guard lock(p.mutex);
  void* block = nullptr;
  // A waiting block of this size, or one up to a quarter larger.
  auto found = p.waiting.lower_bound(granted);
  if (found != p.waiting.end() && found->first <= granted + granted / 4) {
    granted = found->first;
    block = found->second.back();
    found->second.pop_back();
    if (found->second.empty()) p.waiting.erase(found);
  } else {
    block = std::aligned_alloc(64, static_cast<size_t>(granted));
    if (!block) {
      release_waiting(p);
      block = std::aligned_alloc(64, static_cast<size_t>(granted));
    }
    if (!block)
      fail(ErrorCode::unsupported, "out of memory: {} bytes wanted, {} in use; try a smaller batch or model", bytes,
           p.statistics.bytes_in_use);
    p.statistics.bytes_reserved += granted;
    ++p.statistics.system_allocations;
  }
  p.statistics.bytes_in_use += granted;
  p.statistics.bytes_peak = std::max(p.statistics.bytes_peak, p.statistics.bytes_in_use);
  return block;
}

void free_block(void* block, int64_t granted) noexcept {
  Pool& p = pool();
  std::lock_guard lock(p.mutex);
  p.statistics.bytes_in_use -= granted;
  p.waiting[granted].push_back(block);
}

MemoryStatistics memory_statistics() {
  std::lock_guard lock(pool().mutex);
  return pool().statistics;
}

void release_unused_memory() {
  std::lock_guard lock(pool().mutex);
  release_waiting(pool());
}

}  // namespace qkv
