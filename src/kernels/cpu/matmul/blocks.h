// What the parts of a blocked product (blocked_product-inl.h) tell each other.
#pragma once

#include <cstdint>

namespace qkv::cpu {

// sums[rows][columns of a panel] (+)= a[rows][steps] b. Row r of a at step s lies at a + r * a_step + s * a_next; steps in bytes. A step is
// Unit::kStep values of depth.
struct Block {
  const void* a;
  int64_t a_step, a_next;
  const void* b;  // `steps` steps of a packed panel; further panels lie b_next bytes apart
  int64_t b_next;
  int64_t steps;
  float* sums;
  int64_t sums_step;  // in bytes
  bool add;           // to what `sums` holds
};

// The end of a product for rows [row, row + rows) and the columns of a panel from `column` on, whose sums lie together in rows of a panel:
// bias, activation, accumulation and the output's type. rows 0: nothing to end; columns past the output's last are left out.
struct BlockEnd {
  const float* sums = nullptr;
  int64_t row = 0, rows = 0, column = 0;
};

// An end that needs no sums in memory: out = sum + bias, or relu of it, of whole panels.
struct DirectEnd {
  void* out;
  int64_t step;       // in bytes
  const float* bias;  // of the panel's columns, or null
  bool relu;
};

}  // namespace qkv::cpu
