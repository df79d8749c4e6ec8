// The machine's limits with the instructions in use, as a yardstick for kernels, and the kernels' memory.
#pragma once

#include <cstdint>

namespace qkv {

struct MachineLimits {
  // Multiply-adds of f32 registers on all threads, without loads or stores; FLOP/s, a multiply-add counts as two.
  double f32_flops = 0;
  // FLOP/s of bf16 products on all threads with factors in registers: the unit's own limit. 0 if the processor has no bf16 instructions;
  // bf16 is then stored only and computed in f32.
  double bf16_flops = 0;
  // FLOP/s of bf16 products with random factors read from L1. Tiles of random numbers take so much power that the clock falls, by a sixth
  // on a Xeon with AMX: no product of real data is faster than this.
  double bf16_flops_of_numbers = 0;
  // Bytes per second that all threads read together, each going through its own 64 MiB of memory, or 2 MiB in the last-level cache.
  double memory_read = 0, cache_read = 0;
};

// Takes about three seconds and 64 MiB per thread. Each figure is the best of seven runs, as other work only slows them down.
MachineLimits measure_machine_limits();

// Bytes of scratch memory that all CPU kernel threads hold now. A thread keeps the most that it ever needed until it ends.
int64_t kernel_working_memory();

}  // namespace qkv
