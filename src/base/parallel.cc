#include "base/parallel.h"

#include <pmmintrin.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace qkv {
namespace {

int usable_cpus() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

int default_threads() {
  if (const char* text = std::getenv("QKV_THREADS")) {
    const int count = std::atoi(text);
    if (count >= 1) return std::min(count, 1024);
  }
  return usable_cpus();
}

inline void cpu_relax() { __builtin_ia32_pause(); }

// Bodies compute with subnormal values as zeros, on every thread alike, as AMX's tiles always do: a processor takes a hundred cycles
// for each, and gradients that vanish are full of them (training without 1/sqrt(d_k) took 10 times as long).
class FlushDenormals {
 public:
  FlushDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | _MM_FLUSH_ZERO_ON | _MM_DENORMALS_ZERO_ON); }
  ~FlushDenormals() { _mm_setcsr(before_); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  const unsigned before_;
};

struct Job {
  int64_t count = 0;
  void (*call)(void*, int64_t) = nullptr;
  void* body = nullptr;
  std::atomic<int64_t> next{0};
  std::exception_ptr error;
  std::mutex error_mutex;

  void work() {
    const FlushDenormals flush;
    for (int64_t i = next.fetch_add(1, std::memory_order_relaxed); i < count; i = next.fetch_add(1, std::memory_order_relaxed)) {
      try {
        call(body, i);
      } catch (...) {
        std::lock_guard lock(error_mutex);
        if (!error) error = std::current_exception();
        next.store(count, std::memory_order_relaxed);
      }
    }
  }
};

thread_local bool inside_parallel_region = false;

// Workers wait for a new epoch: first spinning (a training step issues a loop every few microseconds), then asleep. A loop ends
// when its indices are done and the workers that took part have left it; one that wakes too late finds no job. So a short loop
// never waits for a worker that the system has not scheduled.
class Pool {
 public:
  explicit Pool(int threads) : spins_(threads <= usable_cpus() ? 20000 : 0) {
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { serve(); });
  }
  ~Pool() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      epoch_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }
  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  void run(Job& job) {
    if (workers_.empty()) return job.work();
    {
      std::lock_guard lock(mutex_);
      job_ = &job;
      epoch_.fetch_add(1, std::memory_order_release);
    }
    if (sleeping_.load(std::memory_order_acquire) > 0) wake_.notify_all();
    job.work();
    {
      std::lock_guard lock(mutex_);
      job_ = nullptr;  // nobody enters from here on
    }
    for (int spin = 0; active_.load(std::memory_order_acquire) != 0; ++spin) {
      if (spin < spins_) {
        cpu_relax();
      } else {
        std::this_thread::yield();
      }
    }
  }

 private:
  void serve() {
    inside_parallel_region = true;
    uint64_t seen = 0;
    while (true) {
      int spin = 0;
      while (epoch_.load(std::memory_order_acquire) == seen && spin < spins_) {
        cpu_relax();
        ++spin;
      }
      if (epoch_.load(std::memory_order_acquire) == seen) {
        std::unique_lock lock(mutex_);
        sleeping_.fetch_add(1, std::memory_order_release);
        wake_.wait(lock, [&] { return epoch_.load(std::memory_order_acquire) != seen; });
        sleeping_.fetch_sub(1, std::memory_order_release);
      }
      Job* job;
      {
        std::lock_guard lock(mutex_);
        if (stopping_) return;
        seen = epoch_.load(std::memory_order_acquire);
        job = job_;
        if (!job) continue;
        active_.fetch_add(1, std::memory_order_relaxed);
      }
      job->work();
      active_.fetch_sub(1, std::memory_order_acq_rel);
    }
  }

  // Turns to spin before sleeping or yielding: 0.2 ms to 1 ms, longer than the gaps between the loops of a training step. With more
  // threads than processors a spinning thread would only keep a working one from running.
  const int spins_;
  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<uint64_t> epoch_{0};
  std::atomic<int> active_{0};  // workers inside job_
  std::atomic<int> sleeping_{0};
  Job* job_ = nullptr;
  bool stopping_ = false;
};

std::mutex pool_mutex;  // one parallel_for at a time: loops started by different threads take turns
std::unique_ptr<Pool>& pool() {
  static std::unique_ptr<Pool> instance = std::make_unique<Pool>(default_threads());
  return instance;
}
std::atomic<int> thread_count{0};  // of the pool; 0: not made yet. Bodies of a loop ask for it while the mutex is held.

}  // namespace

int num_threads() {
  if (const int count = thread_count.load(std::memory_order_relaxed)) return count;
  std::lock_guard lock(pool_mutex);
  thread_count = pool()->threads();
  return thread_count;
}

void set_num_threads(int count) {
  std::lock_guard lock(pool_mutex);
  if (pool()->threads() == std::max(1, count)) return;
  pool().reset();
  pool() = std::make_unique<Pool>(std::max(1, count));
  thread_count = std::max(1, count);
}

bool inside_parallel_for() { return inside_parallel_region; }

void internal::run_parallel(int64_t count, void (*call)(void*, int64_t), void* body) {
  if (count <= 0) return;
  Job job;
  job.count = count;
  job.call = call;
  job.body = body;
  std::unique_lock<std::mutex> lock(pool_mutex, std::defer_lock);
  if (count > 1 && !inside_parallel_region) lock.lock();
  if (!lock.owns_lock()) {
    job.work();
  } else {
    inside_parallel_region = true;     // also with one thread: a loop inside a body must not take the mutex again
    thread_count = pool()->threads();  // for bodies that are the first to ask
    pool()->run(job);
    inside_parallel_region = false;
  }
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace qkv
