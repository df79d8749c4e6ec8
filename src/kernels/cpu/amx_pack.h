// The forms in which AMX reads the factors of a product in bf16 (Intel SDM, TDPBF16PS): sums[16][16] += a[16][32] b[32][16] of tiles of
// 1 KiB. A tile of a is 16 rows of 32 values, as they lie in memory. A tile of b is 16 rows of pairs: row i holds b(2 i, n) and
// b(2 i + 1, n) side by side for each column n.
//
// Only for CPUs with AVX-512 in bf16 (Isa::amx): the functions are compiled for it.
#pragma once

#include <cstdint>

#include "kernels/bf16.h"
#include "kernels/view.h"

namespace qkv::cpu {

inline constexpr int64_t kTileBytes = 1024;
inline constexpr int64_t kAmxPanel = 32;  // columns of b, and steps of depth, that are kept together: two tiles

constexpr int64_t round_up_to_tiles(int64_t x) { return (x + kAmxPanel - 1) / kAmxPanel * kAmxPanel; }

// Columns [first, first + 32) of op(b), steps [begin, begin + depth) of its depth, as [depth / 32][2 tiles], zero past b's end.
void amx_pack_panel(const View& b, bool transpose_b, int64_t first, int64_t begin, int64_t depth, void* packed);

// a^T as the left factor: columns [first, first + 32) of a as rows, its rows [begin, begin + 32) as depth, in two tiles, zero past a's
// end. a is in bf16. column_sums: null, or 32 sums that the columns' values are added to.
void amx_pack_transposed_rows(const View& a, int64_t first, int64_t begin, void* packed, float* column_sums);

}  // namespace qkv::cpu
