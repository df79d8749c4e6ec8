#include "lab/attention_forms/attention_traffic.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

namespace qkv::lab {
namespace {

double pieces(double whole, double part) { return std::ceil(whole / std::max(1.0, part)); }

}  // namespace

double whole_traffic(double n, double d) { return 4 * n * d + 4 * n * n; }

double tiled_traffic(double n, double d, double keys) { return 2 * n * d + pieces(n, keys) * (3 * n * d + 4 * n); }

double passing_keys_traffic(double n, double d, double queries) { return 2 * n * d + pieces(n, queries) * 2 * n * d; }

std::optional<double> counted_bytes(const std::function<void()>& run) {
  perf_event_attr wanted{};
  wanted.type = PERF_TYPE_HARDWARE;
  wanted.size = sizeof wanted;
  wanted.config = PERF_COUNT_HW_CACHE_MISSES;
  wanted.exclude_kernel = 1;  // allowed to everybody
  wanted.exclude_hv = 1;
  const int counter = static_cast<int>(syscall(SYS_perf_event_open, &wanted, 0, -1, -1, 0));
  if (counter < 0) return std::nullopt;
  uint64_t before = 0, after = 0;
  const bool begun = read(counter, &before, sizeof before) == sizeof before;
  run();
  const bool ended = read(counter, &after, sizeof after) == sizeof after;
  close(counter);
  if (!begun || !ended) return std::nullopt;
  const int64_t line = sysconf(_SC_LEVEL3_CACHE_LINESIZE);
  return static_cast<double>(after - before) * static_cast<double>(line > 0 ? line : 64);
}

CacheSizes cache_sizes() {
  return {std::max<int64_t>(0, sysconf(_SC_LEVEL1_DCACHE_SIZE)), std::max<int64_t>(0, sysconf(_SC_LEVEL2_CACHE_SIZE))};
}

}  // namespace qkv::lab
