#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/machine/limits.cc"
#include <hwy/foreach_target.h>
//
#include <atomic>
#include <vector>

#include "base/parallel.h"
#include "base/timing.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/machine/bf16_limit.h"
#include "kernels/cpu/vector/sums-inl.h"
#include "kernels/limits.h"

HWY_BEFORE_NAMESPACE();
namespace qkv::cpu::HWY_NAMESPACE {

inline constexpr int kSums = 12;  // enough to hide a latency of 4 cycles on two units, few enough for 16 registers

// Does `rounds` times kSums multiply-adds. The sums start with different values, so that the compiler cannot merge them.
float multiply_adds(int64_t rounds, float factor) {
  Sums sums[kSums];
  for (int i = 0; i < kSums; ++i) sums[i] = set_sums(static_cast<float>(i));
  const Sums x = set_sums(factor), y = set_sums(1 - factor);
  for (int64_t round = 0; round < rounds; ++round) {
    for (int i = 0; i < kSums; ++i) sums[i] = multiply_add(sums[i], x, y);
  }
  Sums total = set_sums(0);
  for (int i = 0; i < kSums; ++i) total = plus(total, sums[i]);
  float first[kSumLanes];
  store_sums(total, first);
  return first[0];
}
int64_t flops_per_round() { return 2 * kSums * kSumLanes; }

float sum_all(const float* x, int64_t count) {
  const F32 d;
  Vec sums[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
  for (int64_t i = 0; i + 4 * static_cast<int64_t>(kLanes) <= count; i += 4 * kLanes) {
    for (int j = 0; j < 4; ++j) sums[j] = hn::Add(sums[j], load(x + i + j * kLanes));
  }
  return hn::GetLane(hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3])));
}

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qkv::cpu {
HWY_EXPORT(multiply_adds);
HWY_EXPORT(flops_per_round);
HWY_EXPORT(sum_all);

namespace {

constexpr int kRuns = 7;

std::atomic<float> result{0};  // keeps the compiler from removing the work

double f32_flops() {
  constexpr int64_t kRounds = 10'000'000;
  const float factor = result + 0.5f;
  const double seconds = shortest_seconds(
      kRuns, [&] { parallel_for(num_threads(), [&](int64_t) { result = HWY_DYNAMIC_DISPATCH(multiply_adds)(kRounds, factor); }); });
  return static_cast<double>(kRounds * HWY_DYNAMIC_DISPATCH(flops_per_round)() * num_threads()) / seconds;
}

double bf16_flops(Operands operands) {
  if (current_isa() < Isa::avx512_bf16) return 0;
  constexpr int64_t kRounds = 1'000'000;
  std::atomic<int64_t> flops{0};
  const double seconds =
      shortest_seconds(kRuns, [&] { parallel_for(num_threads(), [&](int64_t) { flops = run_bf16_products(kRounds, operands); }); });
  return static_cast<double>(flops * num_threads()) / seconds;
}

double read_rate(int64_t bytes) {
  const int64_t count = bytes / 4, times = std::max<int64_t>(1, (int64_t{64} << 20) / bytes);
  std::vector<std::vector<float>> buffers(static_cast<size_t>(num_threads()));
  for (std::vector<float>& buffer : buffers) buffer.assign(static_cast<size_t>(count), 1.0f);
  const double seconds = shortest_seconds(kRuns, [&] {
    parallel_for(num_threads(), [&](int64_t i) {
      for (int64_t t = 0; t < times; ++t) result = HWY_DYNAMIC_DISPATCH(sum_all)(buffers[static_cast<size_t>(i)].data(), count);
    });
  });
  return static_cast<double>(count * 4 * times * num_threads()) / seconds;
}

}  // namespace
}  // namespace qkv::cpu

qkv::MachineLimits qkv::measure_machine_limits() {
  current_isa();  // selects QKV_ISA
  return {.f32_flops = cpu::f32_flops(),
          .bf16_flops = cpu::bf16_flops(cpu::Operands::kept),
          .bf16_flops_of_numbers = cpu::bf16_flops(cpu::Operands::read),
          .memory_read = cpu::read_rate(int64_t{64} << 20),
          .cache_read = cpu::read_rate(int64_t{2} << 20)};
}
#endif
