#pragma once

#include <algorithm>

#include "kernels/cpu/matmul/blocks.h"
#include "kernels/view.h"

namespace qkv::cpu {

// Prefetches the rows that are read next, a few lines at a time.
struct Prefetch {
  const char* row = nullptr;
  int64_t rows = 0, step = 0, bytes = 0;  // rows left; bytes from row to row; bytes of each row
  int64_t at = 0;                         // position in the current row
  int64_t lines = 0;                      // lines per call

  inline void some(int64_t times = 1) {
    for (int64_t i = 0; i < times * lines && rows > 0; ++i) {
      __builtin_prefetch(row + at, 0, 2);
      at += 64;
      if (at < bytes) continue;
      at = 0;
      row += step;
      --rows;
    }
  }
};

// Rows [first, first + rows), columns [begin, end), to prefetch during another computation, some at every 32 values of depth. shares: the
// number of blocks of the other factor that each of them meets.
inline Prefetch prefetch_of(const View& x, int64_t first, int64_t rows, int64_t begin, int64_t end, int64_t shares) {
  if (first >= x.rows) return {};
  const int64_t size = size_of(x.dtype);
  return {.row = x.rows_from(first, rows).as<const char>() + begin * size,
          .rows = std::min(rows, x.rows - first),
          .step = x.stride * size,
          .bytes = (end - begin) * size,
          .lines = divide_up(32 * size / 2, shares)};
}

}  // namespace qkv::cpu
