#include "base/parallel.h"

#include <pmmintrin.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/cpu_quota.h"
#include "base/error.h"
#include "base/log.h"

namespace qkv {
namespace {

// More threads than a container's share of time would only be suspended in turn, each in the middle of a loop.
int usable_cpus() {
  cpu_set_t set;
  const int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : static_cast<int>(std::thread::hardware_concurrency());
  static const double quota = cpu_quota().value_or(kMostThreads);
  return std::max(1, std::min(count, static_cast<int>(std::min<double>(quota, kMostThreads))));
}

inline void cpu_relax() { __builtin_ia32_pause(); }

// Bodies treat subnormal values as zeros on every thread, as AMX's tiles always do: a processor takes a hundred cycles for each, and
// vanishing gradients are full of them (training without 1/sqrt(d_k) took 10 times as long).
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
thread_local bool has_turn = false;  // holds the pool's mutex outside a loop

// Workers wait for a new epoch: first spinning (a training step issues a loop every few microseconds), then asleep. A loop ends when its
// indices are done and the participating workers have left it; one that wakes too late finds no job. So a short loop never waits for a
// worker that the system has not scheduled.
class Pool {
 public:
  // Uses fewer threads than requested if the system creates no more.
  explicit Pool(int threads) : spins_(threads <= usable_cpus() ? 20000 : 0) {
    workers_.reserve(static_cast<size_t>(threads));
    try {
      for (int i = 1; i < threads; ++i) workers_.emplace_back([this] { serve(); });
    } catch (const std::exception& error) {
      log_warning("{} of {} threads could be made ({}); it goes on with these; ulimit -u and -v limit them", this->threads(), threads,
                  error.what());
    }
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

  // Iterations to spin before sleeping or yielding: 0.2 ms to 1 ms, longer than the gaps between the loops of a training step. With more
  // threads than processors, a spinning thread would only keep a working one from running.
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

std::mutex pool_mutex;             // one parallel_for at a time: loops from different threads take turns
std::atomic<int> thread_count{0};  // of the pool; 0: not created yet. Bodies of a loop ask for it while the mutex is held.

std::unique_ptr<Pool>& pool_of(int threads) {
  static std::unique_ptr<Pool> instance;
  static int wanted = 0;
  if (!instance || (threads > 0 && threads != wanted)) {
    wanted = threads > 0 ? threads : default_num_threads();
    instance.reset();
    instance = std::make_unique<Pool>(wanted);
    thread_count = instance->threads();
  }
  return instance;
}
std::unique_ptr<Pool>& pool() { return pool_of(0); }

// Empty inside a loop, and where the thread has its turn already.
std::unique_lock<std::mutex> wait_for_turn() {
  if (inside_parallel_region || has_turn) return {};
  std::unique_lock lock(pool_mutex);
  pool();  // so that asking for the number of threads needs no lock
  return lock;
}

}  // namespace

int parse_num_threads(std::string_view text, std::string_view label) {
  int count = -1;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, count);
  if (stop != end || error != std::errc() || count < 0 || count > kMostThreads) {
    fail(ErrorCode::invalid_argument, "{}: \"{}\" is no number of threads; it must be 1 to {}, or 0 for all cores", label, text,
         kMostThreads);
  }
  return count;
}

int default_num_threads() {
  const char* text = std::getenv("QKV_THREADS");
  const int count = text && *text ? parse_num_threads(text, "QKV_THREADS") : 0;
  return count > 0 ? count : usable_cpus();
}

int num_threads() {
  if (const int count = thread_count.load(std::memory_order_relaxed)) return count;
  std::lock_guard lock(pool_mutex);
  return pool()->threads();
}

void set_num_threads(int count) {
  std::lock_guard lock(pool_mutex);
  pool_of(count > 0 ? count : default_num_threads());
}

bool inside_parallel_for() { return inside_parallel_region; }

ParallelLock::ParallelLock(std::mutex& mutex) : turn_(wait_for_turn()), lock_(mutex) {
  if (turn_) has_turn = true;
}
ParallelLock::~ParallelLock() {
  if (turn_) has_turn = false;
}

void internal::run_parallel(int64_t count, void (*call)(void*, int64_t), void* body) {
  if (count <= 0) return;
  Job job;
  job.count = count;
  job.call = call;
  job.body = body;
  if (count == 1 || inside_parallel_region) {
    job.work();
  } else {
    const std::unique_lock<std::mutex> lock = wait_for_turn();
    Pool& workers = *pool();
    inside_parallel_region = true;  // also with one thread: a loop inside a body must not lock the mutex again
    workers.run(job);
    inside_parallel_region = false;
  }
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace qkv
