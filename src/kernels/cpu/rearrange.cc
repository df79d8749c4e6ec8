// Rows gathered and matrices transposed: bound by memory, nothing is computed.
#include <cstring>

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/vector/flat.h"

namespace qkv::cpu {

void gather_rows(const GatherRowsParams& p) {
  QKV_CHECK(p.x.dtype == DType::f32, "[gather_rows] unsupported: {} on the CPU's kernels", name_of(p.x.dtype));
  for_each_slab(p.out.rows, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * p.width; i < end * p.width; ++i) {
      const int64_t from = p.index ? p.index[i] : i;
      float* to = p.out.row<float>(i / p.width) + i % p.width * p.x.cols;
      if (from < 0) {
        if (!p.accumulate) std::memset(to, 0, static_cast<size_t>(p.x.cols) * sizeof(float));
        continue;
      }
      const float* row = p.x.row<const float>(from);
      if (!p.accumulate) {
        std::memcpy(to, row, static_cast<size_t>(p.x.cols) * sizeof(float));
      } else {
        for (int64_t c = 0; c < p.x.cols; ++c) to[c] += row[c];
      }
    }
  });
}

void transpose(const TransposeParams& p) {
  QKV_CHECK(p.x.dtype == DType::f32, "[transpose] unsupported: {} on the CPU's kernels", name_of(p.x.dtype));
  constexpr int64_t kBlock = 16;  // a line of f32
  const int64_t rows = p.out.cols, cols = p.x.cols, strips = (rows + kBlock - 1) / kBlock;
  parallel_for(p.count * strips, [&](int64_t i) {
    const int64_t first = i / strips * rows, begin = i % strips * kBlock, end = std::min(rows, begin + kBlock);
    for (int64_t c = 0; c < cols; ++c) {
      float* to = p.out.row<float>(i / strips * cols + c);
      for (int64_t r = begin; r < end; ++r) to[r] = (p.accumulate ? to[r] : 0) + p.x.row<const float>(first + r)[c];
    }
  });
}

}  // namespace qkv::cpu
