#include "kernels/cpu/amx_matmul.h"

#include <algorithm>
#include <cstring>

#include "base/parallel.h"
#include "kernels/cpu/amx_pack.h"
#include "kernels/cpu/amx_tiles.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/scratch.h"

namespace qkv::cpu {
namespace {

constexpr int64_t kBlock = 32;            // rows and columns of sums that stay in tile registers
constexpr int64_t kWholeDepth = 1536;     // up to here the sums never leave the registers
constexpr int64_t kDepth = 384;           // beyond, they are put down after so many steps: a piece of a slab stays in L2
constexpr int64_t kPanelsInL2 = 1 << 19;  // bytes of b that meet all of a slab's rows before the next
constexpr int64_t kSlab = 128;            // rows of a per task
constexpr int64_t kWideSlab = 256;        // where b is read from the last-level cache
constexpr int64_t kWide = 1 << 20;        // bytes of b
constexpr int64_t kPanelRowBytes = 64;    // of a packed panel, per step of depth

// Blocks of 32 rows of a slab, as tiles read them: where they lie, but for copies, padded with zeros, of the last rows where they do not
// fill a block, and of the last columns where they do not fill a tile.
class RowsOfA {
 public:
  RowsOfA(const View& a, int64_t first, int64_t rows)
      : a_(a), first_(first), whole_rows_(rows / kBlock * kBlock), whole_depth_(a.cols / kAmxPanel * kAmxPanel) {
    const int64_t padded = (rows + kBlock - 1) / kBlock * kBlock, last = padded - whole_rows_;
    if (last == 0 && whole_depth_ == a.cols) return;
    last_rows_ = static_cast<bf16*>(scratch_bytes(Scratch::rows_a, (last * whole_depth_ + padded * kAmxPanel) * 2));
    last_columns_ = last_rows_ + last * whole_depth_;
    std::memset(last_rows_, 0, static_cast<size_t>(last * whole_depth_ * 2));
    for (int64_t r = whole_rows_; r < rows; ++r)
      std::memcpy(last_rows_ + (r - whole_rows_) * whole_depth_, a.row<const bf16>(first + r), static_cast<size_t>(whole_depth_ * 2));
    if (whole_depth_ == a.cols) return;
    std::memset(last_columns_, 0, static_cast<size_t>(padded * kAmxPanel * 2));
    for (int64_t r = 0; r < rows; ++r) {
      std::memcpy(last_columns_ + r * kAmxPanel, a.row<const bf16>(first + r) + whole_depth_,
                  static_cast<size_t>((a.cols - whole_depth_) * 2));
    }
  }
  const bf16* data(int64_t row, int64_t k) const {
    if (k >= whole_depth_) return last_columns_ + row * kAmxPanel;
    return row < whole_rows_ ? a_.row<const bf16>(first_ + row) + k : last_rows_ + (row - whole_rows_) * whole_depth_ + k;
  }
  int64_t step(int64_t row, int64_t k) const {  // in bytes
    return 2 * (k >= whole_depth_ ? kAmxPanel : row < whole_rows_ ? a_.stride : whole_depth_);
  }
  // Up to where the tiles from k on lie in one place.
  int64_t end_from(int64_t k) const { return k < whole_depth_ ? whole_depth_ : whole_depth_ + kAmxPanel; }

 private:
  const View& a_;
  int64_t first_, whole_rows_, whole_depth_;
  bf16 *last_rows_ = nullptr, *last_columns_ = nullptr;
};

// What is read next, asked for while something else is computed: rows [first, first + rows) of columns [begin, end). shares: how many
// blocks of 32 rows or columns of the other factor each of it meets.
AmxPrefetch prefetch_of(const View& x, int64_t first, int64_t rows, int64_t begin, int64_t end, int64_t shares) {
  if (first >= x.rows) return {};
  const int64_t size = size_of(x.dtype);
  return {.row = x.rows_from(first, rows).as<const char>() + begin * size,
          .rows = std::min(rows, x.rows - first),
          .step = x.stride * size,
          .bytes = (end - begin) * size,
          .lines_per_step = (kBlock + shares - 1) / shares};
}

// Rows [first, first + rows) times panels [first_panel, last_panel) of b. Rows of a stay in L1 while panels stream by from L2: some panels
// at a time, for all rows.
void slab_times_panels(const MatmulParams& p, const char* packed, int64_t first, int64_t rows, int64_t first_panel, int64_t last_panel,
                       AmxPrefetch prefetch) {
  const RowsOfA a(p.a, first, rows);
  const int64_t depth = round_up_to_tiles(p.a.cols), chunk = depth <= kWholeDepth ? std::max(depth, kBlock) : kDepth;
  const int64_t blocks = (rows + kBlock - 1) / kBlock, panels = last_panel - first_panel;
  const int64_t group = std::max<int64_t>(1, kPanelsInL2 / (chunk * kPanelRowBytes));
  const bool pieces = chunk < depth || (p.a.cols > kAmxPanel && p.a.cols < depth);
  float* memory = scratch(Scratch::sums, pieces ? panels * blocks * kSumsOfBlock : 2 * kSumsOfBlock);
  const TileRegisters tiles;
  AmxEnd end;
  for (int64_t k = 0, next = 0; k == 0 || k < depth; k = next) {
    next = std::max(k + kAmxPanel, std::min(k + chunk, a.end_from(k)));
    const int64_t steps = depth == 0 ? 0 : (next - k) / kAmxPanel;
    for (int64_t i = 0; i < (panels + group - 1) / group * blocks; ++i) {
      const int64_t block = i % blocks, row = block * kBlock, count = std::min(kBlock, rows - row);
      const int64_t begin = first_panel + i / blocks * group;
      for (int64_t panel = begin; panel < std::min(last_panel, begin + group); ++panel) {
        // Two places in turn: one is filled while the other is ended.
        float* sums = memory + (pieces ? (panel - first_panel) * blocks + block : end.sums == memory) * kSumsOfBlock;
        amx_multiply(count,
                     {.a = a.data(row, k),
                      .a_step = a.step(row, k),
                      .b = packed + (panel * depth + k) * kPanelRowBytes,
                      .steps = steps,
                      .sums = sums,
                      .sums_step = kBlock * 4,
                      .add = k > 0},
                     p, end, prefetch);
        end = next >= depth ? AmxEnd{sums, first + row, count, panel * kBlock} : AmxEnd{};
      }
    }
  }
  amx_finish(p, end);
}

void product_of_rows(const MatmulParams& p) {
  const int64_t panels = (p.out.cols + kBlock - 1) / kBlock, size = amx_packed_b_size(p.b, p.transpose_b);
  const char* packed = static_cast<const char*>(p.packed_b);
  if (!packed) {
    void* made = scratch_bytes(Scratch::packed_b, size);
    amx_pack_b(p.b, p.transpose_b, made);
    packed = static_cast<const char*>(made);
  }
  const int64_t slab = size > kWide ? kWideSlab : kSlab, slabs = (p.out.rows + slab - 1) / slab, threads = num_threads();
  // Few rows are cut by columns too, so that there is work for all threads.
  const int64_t groups = slabs >= 8 || inside_parallel_for() ? 1 : std::clamp<int64_t>(16 / slabs, 1, (panels + 1) / 2),
                group = (panels + groups - 1) / groups;
  parallel_for(slabs * groups, [&](int64_t task) {
    const int64_t first = task / groups * slab, panel = task % groups * group;
    if (panel >= panels) return;
    // Threads take tasks in turn: this one's next is likely as many tasks away as there are threads.
    const AmxPrefetch next = groups == 1 ? prefetch_of(p.a, first + threads * slab, slab, 0, p.a.cols, panels) : AmxPrefetch{};
    slab_times_panels(p, packed, first, std::min(slab, p.out.rows - first), panel, std::min(panels, panel + group), next);
  });
}

constexpr int64_t kTokens = 256;    // of both factors, packed at a time: 32 of their columns stay in L1
constexpr int64_t kTaskRows = 256;  // of a weight's gradient, at most: packed factors and sums are 1.25 MiB and stay in L2
constexpr int64_t kTaskColumns = 768;
constexpr int64_t kTokensInPlace = 1024;  // of more, sums are kept together meanwhile: 1.1 times as fast as rows far apart in the output

// Rows [first_row, last_row) and columns [first_column, last_column) of a^T b, summed over all tokens in their order.
void block_over_rows(const MatmulParams& p, int64_t first_row, int64_t last_row, int64_t first_column, int64_t last_column) {
  const int64_t row_blocks = (last_row - first_row + kBlock - 1) / kBlock, panels = (last_column - first_column + kBlock - 1) / kBlock;
  const bool whole = (last_row - first_row) % kBlock == 0 && (last_column - first_column) % kBlock == 0;
  const bool in_place = whole && p.out.dtype == DType::f32 && p.a.rows <= kTokensInPlace;
  char* rows = static_cast<char*>(scratch_bytes(Scratch::rows_a, row_blocks * kTokens * kPanelRowBytes));
  char* columns = static_cast<char*>(scratch_bytes(Scratch::keys, panels * kTokens * kPanelRowBytes));
  float* memory = in_place ? nullptr : scratch(Scratch::sums, row_blocks * panels * kSumsOfBlock);
  float a_sums[kTaskRows] = {};
  const bool wants_a_sums = p.a_sums && first_column == 0;
  const int64_t tokens = p.a.rows;
  const TileRegisters tiles;
  for (int64_t t = 0; t == 0 || t < tokens; t += kTokens) {
    const int64_t depth = round_up_to_tiles(std::min(kTokens, tokens - t)), bytes = depth * kPanelRowBytes;
    for (int64_t k = 0; k < depth; k += kAmxPanel) {  // 32 tokens at a time: their rows are read from end to end
      const int64_t at = k * kPanelRowBytes;
      for (int64_t i = 0; i < row_blocks; ++i)
        amx_pack_transposed_rows(p.a, first_row + i * kBlock, t + k, rows + i * bytes + at, wants_a_sums ? a_sums + i * kBlock : nullptr);
      for (int64_t j = 0; j < panels; ++j)
        amx_pack_panel(p.b, false, first_column + j * kBlock, t + k, kAmxPanel, columns + j * bytes + at);
    }
    AmxPrefetch next_a = prefetch_of(p.a, t + kTokens, kTokens, first_row, last_row, panels);
    AmxPrefetch next_b = prefetch_of(p.b, t + kTokens, kTokens, first_column, last_column, row_blocks);
    for (int64_t i = 0; i < row_blocks; ++i) {
      for (int64_t j = 0; j < panels; ++j) {
        float* sums =
            in_place ? p.out.row<float>(first_row + i * kBlock) + first_column + j * kBlock : memory + (i * panels + j) * kSumsOfBlock;
        amx_multiply_packed({.a = rows + i * bytes,
                             .a_step = 64,
                             .b = columns + j * bytes,
                             .steps = depth / kAmxPanel,
                             .sums = sums,
                             .sums_step = in_place ? p.out.stride * 4 : kBlock * 4,
                             .add = t > 0 || (in_place && p.accumulate)},
                            next_a, next_b);
      }
    }
  }
  for (int64_t i = 0; i < row_blocks && !in_place; ++i) {
    const int64_t row = first_row + i * kBlock;
    for (int64_t j = 0; j < panels; ++j)
      amx_finish(p, {memory + (i * panels + j) * kSumsOfBlock, row, std::min(kBlock, last_row - row), first_column + j * kBlock});
  }
  if (!wants_a_sums) return;
  float* out = p.a_sums.as<float>();
  for (int64_t r = first_row; r < last_row; ++r) out[r] = a_sums[r - first_row] + (p.accumulate_a_sums ? out[r] : 0);
}

// As many tasks of rows, even in number, as make each at most `largest` rows.
int64_t task_rows(int64_t rows, int64_t largest) {
  const int64_t tasks = ((rows + largest - 1) / largest + 1) / 2 * 2;
  return round_up_to_tiles((rows + tasks - 1) / tasks);
}

void product_over_rows(const MatmulParams& p) {
  const int64_t rows = task_rows(p.out.rows, kTaskRows), cuts = (p.out.cols + kTaskColumns - 1) / kTaskColumns;
  const int64_t columns = round_up_to_tiles((p.out.cols + cuts - 1) / cuts), across = (p.out.cols + columns - 1) / columns,
                down = (p.out.rows + rows - 1) / rows;
  parallel_for(down * across, [&](int64_t task) {
    const int64_t row = task / across * rows, column = task % across * columns;
    block_over_rows(p, row, std::min(p.out.rows, row + rows), column, std::min(p.out.cols, column + columns));
  });
}

}  // namespace

int64_t amx_packed_b_size(const View& b, bool transpose_b) {
  if (b.rows == 0 || b.cols == 0) return 0;
  const int64_t depth = transpose_b ? b.cols : b.rows, columns = transpose_b ? b.rows : b.cols;
  return round_up_to_tiles(depth) * round_up_to_tiles(columns) * 2;
}

void amx_pack_b(const View& b, bool transpose_b, void* packed) {
  const int64_t depth = round_up_to_tiles(transpose_b ? b.cols : b.rows), columns = transpose_b ? b.rows : b.cols;
  parallel_for((columns + kBlock - 1) / kBlock, [&](int64_t panel) {
    amx_pack_panel(b, transpose_b, panel * kBlock, 0, depth, static_cast<char*>(packed) + panel * depth * kPanelRowBytes);
  });
}

void amx_matmul(const MatmulParams& p) {
  if (p.transpose_a) {
    product_over_rows(p);
  } else {
    product_of_rows(p);
  }
}

}  // namespace qkv::cpu
