// Partitions element-wise work into fixed pieces.
#pragma once

#include <algorithm>

#include "base/parallel.h"
#include "kernels/bf16.h"
#include "kernels/view.h"

namespace qkv::cpu {

inline constexpr int64_t kPiece = 16384;  // elements: 64 KiB of f32, a few microseconds

// Calls body(begin, end) for the pieces of [0, count), in parallel. Pieces do not depend on the number of threads.
template <typename Body>
void for_each_piece(int64_t count, Body&& body) {
  parallel_for((count + kPiece - 1) / kPiece, [&](int64_t piece) { body(piece * kPiece, std::min(count, (piece + 1) * kPiece)); });
}

inline constexpr int64_t kRowSlab = 64;

// Calls body(first_row, last_row) for slabs of rows, in parallel.
template <typename Body>
void for_each_slab(int64_t rows, Body&& body, int64_t slab_rows = kRowSlab) {
  parallel_for((rows + slab_rows - 1) / slab_rows, [&](int64_t slab) { body(slab * slab_rows, std::min(rows, (slab + 1) * slab_rows)); });
}

inline int64_t count_of(const View& x) { return x.rows * x.cols; }

// Calls body with a null float* or bf16* that tells the storage type.
template <typename Body>
void with_type(DType dtype, Body&& body) {
  if (dtype == DType::f32) return body(static_cast<float*>(nullptr));
  if (dtype == DType::bf16) return body(static_cast<bf16*>(nullptr));
  fail(ErrorCode::unsupported, "unsupported: {} on the CPU's kernels", name_of(dtype));
}

}  // namespace qkv::cpu
