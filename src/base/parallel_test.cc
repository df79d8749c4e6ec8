#include "base/parallel.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <mutex>
#include <numeric>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"

namespace qkv {
namespace {

class ParallelFor : public testing::TestWithParam<int> {
 protected:
  ParallelFor() : before_(num_threads()) { set_num_threads(GetParam()); }
  ~ParallelFor() override { set_num_threads(before_); }

 private:
  int before_;
};
INSTANTIATE_TEST_SUITE_P(Threads, ParallelFor, testing::Values(1, 2, 3, 8), testing::PrintToStringParamName());

TEST_P(ParallelFor, EveryIndexRunsOnce) {
  EXPECT_EQ(num_threads(), GetParam());
  for (const int64_t count : {0, 1, 2, 7, 1000}) {
    std::vector<int> runs(static_cast<size_t>(count));
    parallel_for(count, [&](int64_t i) { ++runs[static_cast<size_t>(i)]; });
    EXPECT_EQ(runs, std::vector<int>(static_cast<size_t>(count), 1));
  }
  parallel_for(-1, [](int64_t) { FAIL() << "a negative count runs nothing"; });
}

// In a process of its own, in which nobody asked before.
TEST(ParallelForDeathTest, ABodyMayBeTheFirstToAskForTheNumberOfThreads) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto ask = [] {
    alarm(30);  // instead of waiting for ever
    parallel_for(2, [](int64_t) { EXPECT_GE(num_threads(), 1); });
    std::exit(testing::Test::HasFailure());
  };
  EXPECT_EXIT(ask(), testing::ExitedWithCode(0), "");
}

class ThreadSetting : public testing::Test {
 protected:
  ThreadSetting() : before_(num_threads()), variable_(std::getenv("QKV_THREADS") ? std::getenv("QKV_THREADS") : "") {}
  ~ThreadSetting() override {
    setenv("QKV_THREADS", variable_.c_str(), 1);
    set_num_threads(before_);
  }

 private:
  int before_;
  std::string variable_;
};

TEST_F(ThreadSetting, VariableIsReadAsStrictlyAsTheOption) {
  for (const char* wrong : {"1e3", "abc", "-1", "4097", "99999999999", "2 ", "0x2", "1.5"}) {
    setenv("QKV_THREADS", wrong, 1);
    try {
      default_num_threads();
      ADD_FAILURE() << wrong << " is taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
      EXPECT_EQ(std::string(error.what()).find("QKV_THREADS: \"" + std::string(wrong) + "\""), 0u) << error.what();
    }
  }
  setenv("QKV_THREADS", "3", 1);
  EXPECT_EQ(default_num_threads(), 3);
  setenv("QKV_THREADS", "0", 1);
  const int all = default_num_threads();
  EXPECT_GE(all, 1);
  setenv("QKV_THREADS", "", 1);
  EXPECT_EQ(default_num_threads(), all);
}

TEST_F(ThreadSetting, ZeroThreadsAreTheDefault) {
  setenv("QKV_THREADS", "3", 1);
  set_num_threads(2);
  EXPECT_EQ(num_threads(), 2);
  set_num_threads(0);
  EXPECT_EQ(num_threads(), 3);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they need address space themselves
TEST(ParallelForDeathTest, WorksWithTheThreadsThatCouldBeMade) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto work = [] {
    alarm(30);  // instead of waiting for ever
    int64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlim_t bytes = static_cast<rlim_t>(pages) * 4096 + (rlim_t{40} << 20);  // room for the stacks of a few
    const rlimit limit{bytes, bytes};
    setrlimit(RLIMIT_AS, &limit);
    set_num_threads(200);
    std::atomic<int64_t> sum{0};
    parallel_for(1000, [&](int64_t i) { sum += i; });
    std::_Exit(sum == 999 * 500 && num_threads() < 200 ? 7 : 1);
  };
  EXPECT_EXIT(work(), testing::ExitedWithCode(7), "of 200 threads could be made");
}
#endif

TEST_P(ParallelFor, ManyShortLoopsLoseNoIndex) {
  std::vector<int64_t> sums(16);
  for (int loop = 0; loop < 5000; ++loop) parallel_for(16, [&](int64_t i) { sums[static_cast<size_t>(i)] += i; });
  for (int64_t i = 0; i < 16; ++i) EXPECT_EQ(sums[static_cast<size_t>(i)], 5000 * i);
}

TEST_P(ParallelFor, FirstExceptionReachesTheCallerAndTheNextLoopWorks) {
  for (int repeat = 0; repeat < 20; ++repeat) {
    try {
      parallel_for(100, [](int64_t i) {
        if (i % 10 == 3) throw std::runtime_error("body " + std::to_string(i % 10));
      });
      FAIL() << "the exception was lost";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "body 3");
    }
    std::atomic<int> runs{0};
    parallel_for(100, [&](int64_t) { ++runs; });
    EXPECT_EQ(runs, 100);
  }
}

TEST_P(ParallelFor, LoopInsideABodyRunsOnItsThread) {
  std::vector<int64_t> sums(50);
  std::atomic<int> elsewhere{0};
  parallel_for(50, [&](int64_t i) {
    const std::thread::id self = std::this_thread::get_id();
    parallel_for(100, [&](int64_t j) {
      sums[static_cast<size_t>(i)] += j;
      if (std::this_thread::get_id() != self) ++elsewhere;
    });
  });
  EXPECT_EQ(elsewhere, 0);
  EXPECT_EQ(sums, std::vector<int64_t>(50, 4950));
}

TEST_P(ParallelFor, ExceptionOfALoopInsideReachesTheCaller) {
  EXPECT_THROW(parallel_for(4, [](int64_t) { parallel_for(4, [](int64_t) { throw std::logic_error("inside"); }); }), std::logic_error);
  EXPECT_NO_THROW(parallel_for(4, [](int64_t) { parallel_for(4, [](int64_t) {}); }));
}

TEST_P(ParallelFor, BodyMayAskForTheNumberOfThreads) {
  std::atomic<int> wrong{0};
  parallel_for(8, [&](int64_t) { wrong += num_threads() != GetParam(); });
  EXPECT_EQ(wrong, 0);
}

TEST_P(ParallelFor, SubnormalValuesAreZeroInEveryBodyAndNowhereElse) {
  const volatile float smallest = std::numeric_limits<float>::min();
  for (const int64_t count : {1, 50}) {
    std::atomic<int> kept{0};
    parallel_for(count, [&](int64_t) { kept += smallest / 2 != 0; });
    EXPECT_EQ(kept, 0);
    EXPECT_NE(smallest / 2, 0) << "the caller's setting";
  }
}

TEST_P(ParallelFor, LoopsOfSeveralThreadsTakeTurns) {
  std::vector<std::vector<int>> runs(4, std::vector<int>(200));
  std::vector<std::thread> callers;
  for (auto& mine : runs) {
    callers.emplace_back([&mine] {
      for (int loop = 0; loop < 50; ++loop) parallel_for(200, [&](int64_t i) { ++mine[static_cast<size_t>(i)]; });
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (const auto& mine : runs) EXPECT_EQ(mine, std::vector<int>(200, 50));
}

// Without a common order the first thread waits for the threads with the mutex held, and a body of the second's loop for the mutex.
TEST_P(ParallelFor, ALockUnderWhichLoopsRunMayBeTakenInBodies) {
  std::mutex mutex;
  std::atomic<bool> held{false};
  std::atomic<int64_t> sum{0};
  const auto add = [&] {
    const ParallelLock lock(mutex);
    if (!held.exchange(true)) std::this_thread::sleep_for(std::chrono::milliseconds(20));  // the other thread comes to its loop
    EXPECT_EQ(num_threads(), GetParam());
    parallel_for(5, [&](int64_t i) { sum += i; });
  };
  std::thread first(add);
  while (!held) std::this_thread::yield();
  parallel_for(4, [&](int64_t) { add(); });
  first.join();
  EXPECT_EQ(sum, 5 * 10);
}

TEST_P(ParallelFor, ThreadsAreNoMoreThanAskedFor) {
  std::vector<std::thread::id> ids(2000);
  parallel_for(2000, [&](int64_t i) { ids[static_cast<size_t>(i)] = std::this_thread::get_id(); });
  EXPECT_LE(std::set<std::thread::id>(ids.begin(), ids.end()).size(), static_cast<size_t>(GetParam()));
}

}  // namespace
}  // namespace qkv
