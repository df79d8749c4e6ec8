#include "tensor/memory_pool.h"

#include <algorithm>
#include <mutex>
#include <set>
#include <unordered_map>

#include "base/error.h"
#include "tensor/growing_pages.h"

namespace qkv {
namespace {

// The system provides memory in segments, which are split into blocks and merged again when the blocks are freed. Batches have different
// numbers of tokens, and free lists by size held twice the memory in use (1,183 MB for 600 in the step of `qkv bench train`). Small tensors
// have segments of their own, so that a bias does not fragment a segment that a batch could use.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kCuts = false;  // one block per segment, between the sanitizer's red zones
#else
constexpr bool kCuts = true;
#endif
constexpr int64_t kAlignment = 64, kHugePage = int64_t{2} << 20;
constexpr int64_t kSmall = int64_t{64} << 10;  // blocks up to this are small
constexpr int64_t kSegment = int64_t{32} << 20, kSmallSegment = kHugePage;

constexpr int64_t round_up(int64_t bytes, int64_t multiple) { return (bytes + multiple - 1) / multiple * multiple; }

struct Block {
  char* data;
  int64_t size;
  bool small;
  bool waiting = false;
  Block *before = nullptr, *after = nullptr;  // neighbours in the segment
};

// Best fit: by size, ties by address.
struct FitsBetter {
  using is_transparent = void;
  bool operator()(const Block* a, const Block* b) const { return a->size != b->size ? a->size < b->size : a->data < b->data; }
  bool operator()(const Block* a, int64_t size) const { return a->size < size; }
};

class Pool {
 public:
  explicit Pool(const DeviceMemory& memory) : memory_(memory) {}

  void* allocate(int64_t bytes, int64_t& granted) {
    const int64_t size = round_up(std::max<int64_t>(bytes, 1), kAlignment);
    std::lock_guard lock(mutex_);
    std::set<Block*, FitsBetter>& waiting = waiting_[size <= kSmall];
    const auto found = waiting.lower_bound(size);
    Block* block = found != waiting.end() && (kCuts || (*found)->size == size) ? *found : add_segment(size, bytes);
    waiting.erase(block);
    block->waiting = false;
    if (kCuts && block->size - size >= (block->small ? kAlignment : kSmall)) cut(block, size);
    in_use_.emplace(block->data, block);
    granted = block->size;
    statistics_.bytes_in_use += granted;
    statistics_.bytes_peak = std::max(statistics_.bytes_peak, statistics_.bytes_in_use);
    return block->data;
  }

  void release(void* data) noexcept {
    std::lock_guard lock(mutex_);
    const auto found = in_use_.find(data);
    Block* block = found->second;
    in_use_.erase(found);
    statistics_.bytes_in_use -= block->size;
    if (Block* before = block->before; before && before->waiting) {
      waiting_[before->small].erase(before);
      join(before, block);
      block = before;
    }
    if (Block* after = block->after; after && after->waiting) {
      waiting_[after->small].erase(after);
      join(block, after);
    }
    block->waiting = true;
    waiting_[block->small].insert(block);
  }

  // Returns unused segments to the system.
  void trim() {
    std::lock_guard lock(mutex_);
    trim_locked();
  }

  MemoryStatistics statistics() {
    std::lock_guard lock(mutex_);
    return statistics_;
  }

 private:
  Block* add_segment(int64_t size, int64_t wanted) {
    const bool small = size <= kSmall;
    const int64_t bytes = !kCuts ? size : small ? kSmallSegment : round_up(std::max(size, kSegment), kHugePage);
    auto* data = static_cast<char*>(memory_.allocate(bytes));
    if (!data) {
      trim_locked();
      data = static_cast<char*>(memory_.allocate(bytes));
    }
    if (!data) {
      fail(ErrorCode::unsupported, "out of memory: {} bytes wanted, {} in use; try a smaller batch or model", wanted,
           statistics_.bytes_in_use);
    }
    statistics_.bytes_reserved += bytes;
    ++statistics_.system_allocations;
    return new Block{data, bytes, small};
  }

  void cut(Block* block, int64_t size) {
    auto* rest = new Block{block->data + size, block->size - size, block->small, true, block, block->after};
    if (rest->after) rest->after->before = rest;
    block->after = rest;
    block->size = size;
    waiting_[rest->small].insert(rest);
  }

  // Merges `after` into `block`.
  void join(Block* block, Block* after) {
    block->size += after->size;
    block->after = after->after;
    if (block->after) block->after->before = block;
    delete after;
  }

  void trim_locked() {
    for (std::set<Block*, FitsBetter>& waiting : waiting_) {
      for (auto each = waiting.begin(); each != waiting.end();) {
        Block* block = *each;
        if (block->before || block->after) {
          ++each;
          continue;
        }
        each = waiting.erase(each);
        memory_.free(block->data, block->size);
        statistics_.bytes_reserved -= block->size;
        delete block;
      }
    }
  }

  const DeviceMemory memory_;
  std::mutex mutex_;
  std::set<Block*, FitsBetter> waiting_[2];  // index 0: large, 1: small
  std::unordered_map<void*, Block*> in_use_;
  MemoryStatistics statistics_;
};

// Pools outlive every tensor, including static ones.
Pool& pool(Device device) {
  static Pool* const pools[] = {new Pool(kernels_of(Device::cpu).memory), new Pool(kernels_of(Device::reference).memory),
                                new Pool(kernels_of(Device::disguised).memory)};
  return *pools[static_cast<size_t>(device)];
}

}  // namespace

void* allocate_block(int64_t bytes, int64_t& granted, Device device) {
  if (bytes < 0 || bytes > (int64_t{1} << 46))
    fail(ErrorCode::unsupported, "a tensor of {} bytes is larger than any machine's memory", bytes);
  return pool(device).allocate(bytes, granted);
}

void free_block(void* block, Device device) noexcept { pool(device).release(block); }

MemoryStatistics memory_statistics(Device device) { return pool(device).statistics(); }

void release_unused_memory(Device device) {
  pool(device).trim();
  if (kernels_of(device).memory.shared_with_host) release_waiting_pages();
}

}  // namespace qkv
