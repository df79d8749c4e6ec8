// What this machine can do at most with the instructions in use: the figures that a kernel's speed is a share of; and what kernels take.
#pragma once

#include <cstdint>

namespace qkv {

struct MachineLimits {
  // Multiply-adds of f32 registers on all threads, nothing loaded or stored; FLOP/s, a multiply-add being two.
  double f32_flops = 0;
  // Products of bf16 whose factors stay in registers, on all threads, FLOP/s: the unit's own limit. 0 where the processor has no
  // instructions for bf16; there it is stored so and computed in f32.
  double bf16_flops = 0;
  // The same with random numbers for factors, read from L1. Tiles of them take so much power that the processor's clock falls, by a sixth
  // of it on a Xeon with AMX: no product of real numbers is faster than this.
  double bf16_flops_of_numbers = 0;
  // Bytes per second that all threads read together, each going through its own 64 MiB of memory, or 2 MiB in the last-level cache.
  double memory_read = 0, cache_read = 0;
};

// Takes about three seconds and 64 MiB per thread. Each figure is the best of seven runs: other work on the machine only makes one slower.
MachineLimits measure_machine_limits();

// Bytes that all threads of the CPU kernels hold as working memory now. A thread keeps the most that it ever needed, until it ends.
int64_t kernel_working_memory();

}  // namespace qkv
