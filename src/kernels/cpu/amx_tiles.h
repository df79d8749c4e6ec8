// The product of tiles, and what is done to its sums while they are in the L1 cache.
#pragma once

#include "kernels/bf16.h"
#include "kernels/params.h"

namespace qkv::cpu {

inline constexpr int64_t kSumsOfBlock = 32 * 32;

// Tile registers are set up for its lifetime, where the instruction set in use has them: oneDNN and others set them up their own way.
void amx_begin();
void amx_end();
class TileRegisters {
 public:
  TileRegisters() { amx_begin(); }
  ~TileRegisters() { amx_end(); }
  TileRegisters(const TileRegisters&) = delete;
  TileRegisters& operator=(const TileRegisters&) = delete;
};

// sums[rows][32] (+)= a[rows][32 steps] b. rows: 16 or 32, a_step and sums_step in bytes; b: `steps` pairs of tiles, as amx_pack_panel
// writes them.
struct AmxBlock {
  const void* a;
  int64_t a_step;
  const void* b;
  int64_t steps;
  float* sums;
  int64_t sums_step;
  bool add;  // to what `sums` holds
};

// The end of a product for rows [row, row + rows) and columns [column, column + 32) of the output, whose sums [rows][32] lie together:
// bias, activation, accumulation and the output's type. rows <= 32 (0: nothing to end); columns past the output's last are left out.
// amx_finish comes last, on each thread.
struct AmxEnd {
  const float* sums = nullptr;
  int64_t row = 0, rows = 0, column = 0;
};
void amx_finish(const MatmulParams& p, const AmxEnd& end);

// Rows that are read next, brought near the core a few lines at a time.
struct AmxPrefetch {
  const char* row = nullptr;
  int64_t rows = 0, step = 0, bytes = 0;  // how many are left, from one to the next, of each
  int64_t at = 0;                         // of the row
  int64_t lines_per_step = 0;
};

// The product of a block while `end`, another block of p, is ended: the tile unit and the vector units work side by side (one after the
// other took 1270 cycles for a block of depth 256 in place of 440).
void amx_multiply(int64_t rows, const AmxBlock& block, const MatmulParams& p, const AmxEnd& end, AmxPrefetch& prefetch);
// A product with a's tiles packed as b's are: `steps` pairs of tiles, 32 rows.
void amx_multiply_packed(const AmxBlock& block, AmxPrefetch& first, AmxPrefetch& second);

}  // namespace qkv::cpu
