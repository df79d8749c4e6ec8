// Parallel loops on the project's own pool of threads (docs/architecture.md, "Fixed slabs on our own threads").
#pragma once

#include <cstdint>
#include <mutex>
#include <string_view>
#include <type_traits>

namespace qkv {

inline constexpr int kMostThreads = 4096;

// Number of threads that parallel_for uses, including the calling one; at least 1, and fewer than were set if the system creates no more
// (with a warning). 0 sets the default. Setting it is not safe while a parallel_for runs.
int num_threads();
void set_num_threads(int count);

// QKV_THREADS, or if it is not set or 0: the processors that the process may run on, limited by a container's share of time. Throws
// Error(invalid_argument) if QKV_THREADS is no number.
int default_num_threads();

// 0 to kMostThreads. Throws Error(invalid_argument) that begins with `label` for anything else.
int parse_num_threads(std::string_view text, std::string_view label);

// True inside a parallel_for's body, whose own loops run on this thread only.
bool inside_parallel_for();

// Holds a mutex under which loops run, and which bodies of loops take too. Outside a loop it waits for its turn with the threads first, so
// that no thread waits for the threads with the mutex held while a body waits for the mutex.
class ParallelLock {
 public:
  explicit ParallelLock(std::mutex& mutex);
  ~ParallelLock();
  ParallelLock(const ParallelLock&) = delete;
  ParallelLock& operator=(const ParallelLock&) = delete;

 private:
  std::unique_lock<std::mutex> turn_;
  const std::lock_guard<std::mutex> lock_;
};

namespace internal {
void run_parallel(int64_t count, void (*call)(void* body, int64_t index), void* body);
}

// Runs body(i) for every i in [0, count), in any order and on any thread, and returns when all are done. The first exception of a body is
// rethrown. A parallel_for inside a body runs on the calling thread. Indices have no fixed thread: a body must only write what belongs to
// its index, so results do not depend on the number of threads. Inside a body subnormal floating-point values count as zero; the caller's
// setting is restored on return.
template <typename Body>
void parallel_for(int64_t count, Body&& body) {
  using Plain = std::remove_reference_t<Body>;
  internal::run_parallel(
      count, [](void* b, int64_t index) { (*static_cast<Plain*>(b))(index); }, const_cast<std::remove_const_t<Plain>*>(&body));
}

}  // namespace qkv
