// Scratch memory of kernels: one growing buffer per thread and purpose, so that a loop allocates nothing once it is warm.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "base/error.h"

namespace qkv::cpu {

enum class Scratch {
  packed_b,
  rows_a,
  sums,
  logits,
  scores,
  keys,
  values,
  queries,
  query_panels,
  key_gradients,
  outputs,
  attention_block,
  relative_positions,
  carry,
  count
};

inline std::atomic<int64_t> scratch_bytes_held{0};  // by all threads

// Returns at least `bytes` bytes of this thread, aligned to 64; valid until this thread asks for the same purpose again.
inline void* scratch_bytes(Scratch purpose, int64_t bytes) {
  struct Free {
    void operator()(void* p) const { std::free(p); }
  };
  struct Buffer {
    std::unique_ptr<void, Free> data;
    int64_t size = 0;
    ~Buffer() { scratch_bytes_held -= size; }
  };
  thread_local Buffer buffers[static_cast<int>(Scratch::count)];
  Buffer& buffer = buffers[static_cast<int>(purpose)];
  if (buffer.size < bytes) {
    const int64_t size = (bytes + bytes / 4 + 4095) / 4096 * 4096;
    buffer.data.reset();
    scratch_bytes_held -= buffer.size;
    buffer.size = 0;
    buffer.data.reset(std::aligned_alloc(64, static_cast<size_t>(size)));
    if (!buffer.data) fail(ErrorCode::unsupported, "out of memory: a kernel wants {} bytes of working memory; try a smaller batch", size);
    buffer.size = size;
    scratch_bytes_held += size;
  }
  return buffer.data.get();
}

inline float* scratch(Scratch purpose, int64_t floats) { return static_cast<float*>(scratch_bytes(purpose, floats * 4 + 256)); }

}  // namespace qkv::cpu
