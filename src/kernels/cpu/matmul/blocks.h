// The structs that pass between the parts of a blocked product (blocked_product-inl.h).
#pragma once

#include <cstdint>

namespace qkv::cpu {

constexpr int64_t divide_up(int64_t x, int64_t by) { return (x + by - 1) / by; }
constexpr int64_t up_to_multiple(int64_t x, int64_t of) { return divide_up(x, of) * of; }

// sums[rows][columns of a panel] (+)= a[rows][steps] b. Row r of a at step s is at a + r * a_step + s * a_next; both in bytes. A step is
// Unit::kStep values of depth.
struct Block {
  const void* a;
  int64_t a_step, a_next;
  const void* b;  // `steps` steps of a packed panel; panels are b_next bytes apart
  int64_t b_next;
  int64_t steps;
  float* sums;
  int64_t sums_step;  // in bytes
  bool add;           // adds to the content of `sums`
  bool b_passes;      // b is more than L1 holds and should not push a out of it
};

// The epilogue for rows [row, row + rows) and the columns of a panel from `column` on, whose sums are contiguous rows of a panel: bias,
// activation, accumulation and the output's type. rows 0: nothing to do. Columns past the output's last are skipped.
struct BlockEnd {
  const float* sums = nullptr;
  int64_t row = 0, rows = 0, column = 0;
};

// The forms of an epilogue that have code of their own, without accumulation or `before`: only an optional bias, relu, and GELU in bf16.
enum class Epilogue { any, plain, relu, erf_gelu, tanh_gelu };

// An epilogue without sums in memory: out = sum + bias, optionally with relu, for whole panels.
struct DirectEnd {
  void* out;
  int64_t step;       // in bytes
  const float* bias;  // for the panel's columns, or null
  bool relu;
};

}  // namespace qkv::cpu
