// Orders the tasks that add to a shared sum.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "base/error.h"

namespace qkv::cpu {

// Counts the tiles of keys that have added to each block of dQ. Tasks start in the order of tiles, so the tile that is waited for is
// already running.
class Turns {
 public:
  explicit Turns(size_t blocks) : turns_(blocks) {}
  void wait_for(size_t block, int64_t added) {
    for (int spins = 0; turns_[block].load(std::memory_order_acquire) != added; ++spins) {
      if (failed_.load(std::memory_order_relaxed)) fail(ErrorCode::internal, "[attention] another part of the gradient failed");
      if (spins > 1000) std::this_thread::yield();
    }
  }
  void pass_on(size_t block) { turns_[block].fetch_add(1, std::memory_order_release); }
  void give_up() { failed_.store(true, std::memory_order_relaxed); }

 private:
  std::vector<std::atomic<int64_t>> turns_;
  std::atomic<bool> failed_{false};
};

}  // namespace qkv::cpu
