// A matrix product partitioned into slabs of rows for the threads, panels of columns and steps of depth for the caches, and blocks of sums
// that stay in registers. All instruction sets share this structure and differ in a Unit (f32_unit-inl.h, bf16_units-inl.h):
//   Value                              type of packed values; rows of a in bf16 are converted to it
//   kRows, kColumns                    size of a block of sums; a panel of b has kColumns
//   kStep                              depth is zero-padded to a multiple of it
//   kWholeBlocks                       multiplies whole blocks; missing rows are zeros in a copy
//   kBeside                            runs the epilogue of one block during the next product, on other units of the core
//   kGelu                              has forms of the epilogue for GELU in bf16
//   kWholeDepth, kDepth                sums stay in registers up to the first; deeper products are split into pieces of the second
//   kTransposedStep, kTransposedNext   a_step and a_next (blocks.h) of the output of pack_transposed_rows
//   pack_panel, pack_transposed_rows, convert, multiply, multiply_direct, Finish
// Every sum runs over depth in one order, whatever the partition and the neighbours.
//
// Included once for each target, by a file that defines QKV_TARGET_BEGIN, QKV_TARGET_END and QKV_TARGET_NAMESPACE.
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "base/parallel.h"
#include "kernels/bf16.h"
#include "kernels/cpu/matmul/blocks.h"
#include "kernels/cpu/matmul/prefetch.h"
#include "kernels/cpu/vector/scratch.h"
#include "kernels/cpu/vector/tile_registers.h"

QKV_TARGET_BEGIN
namespace qkv::cpu::QKV_TARGET_NAMESPACE {

inline constexpr int64_t kInL1 = 1 << 15;                  // bytes of b beside a block of a
inline constexpr int64_t kPanelsInL2 = 1 << 19;            // bytes of b that meet all rows of a slab before the next ones
inline constexpr int64_t kSumsInL2 = 1 << 18;              // bytes of sums that wait for the next steps of depth
inline constexpr int64_t kFewRows = 2, kPanelsAtOnce = 4;  // so few rows alone have too few sums to hide the latency of an addition
inline constexpr int64_t kSlab = 128;                      // rows of a per task
inline constexpr int64_t kWideSlab = 256;                  // rows of a per task if b is read from the last-level cache
inline constexpr int64_t kLeastWork = 1 << 17;             // minimal multiply-adds of a task
inline constexpr int64_t kWideB = 1 << 20;                 // bytes of b from which the slab is wide

// Blocks of rows of a slab, read in place where possible. Copies are made of all rows if they have another type, of the last rows if the
// unit reads whole blocks, and of the last columns if they do not fill a step.
template <typename Unit>
class RowsOfA {
  using Value = typename Unit::Value;

 public:
  RowsOfA(const View& a, int64_t first, int64_t rows)
      : a_(a),
        first_(first),
        rows_(rows),
        padded_(Unit::kWholeBlocks ? up_to_multiple(rows, Unit::kRows) : rows),
        converts_(a.dtype != (std::is_same_v<Value, float> ? DType::f32 : DType::bf16)),
        in_place_(converts_            ? 0
                  : Unit::kWholeBlocks ? rows / Unit::kRows * Unit::kRows
                                       : rows),
        whole_depth_(a.cols / Unit::kStep * Unit::kStep) {
    const int64_t copied = padded_ - in_place_;
    if (converts_ || (copied == 0 && whole_depth_ == a.cols)) return;
    copies_ = static_cast<Value*>(scratch_bytes(Scratch::rows_a, (copied * whole_depth_ + padded_ * Unit::kStep) * kSize));
    copies_step_ = whole_depth_;
    last_columns_ = copies_ + copied * whole_depth_;
    copy(copies_, copies_step_, in_place_, 0, whole_depth_);
    if (whole_depth_ < a.cols) copy(last_columns_, Unit::kStep, 0, whole_depth_, a.cols - whole_depth_);
  }
  // Call this before steps [k, next) of depth are read.
  void prepare(int64_t k, int64_t next) {
    if (!converts_) return;
    copies_step_ = next - k;
    copies_begin_ = k;
    copies_ = static_cast<Value*>(scratch_bytes(Scratch::rows_a, rows_ * copies_step_ * kSize + 64));
    const int64_t count = std::min(next, a_.cols) - k;
    for (int64_t r = 0; r < rows_; ++r) Unit::convert(a_.row<const bf16>(first_ + r) + k, count, copies_ + r * copies_step_);
  }
  const Value* data(int64_t row, int64_t k) const {
    if (!converts_ && k >= whole_depth_) return last_columns_ + row * Unit::kStep;
    return row < in_place_ ? a_.row<const Value>(first_ + row) + k : copies_ + (row - in_place_) * copies_step_ + (k - copies_begin_);
  }
  int64_t step(int64_t row, int64_t k) const {  // in bytes
    return kSize * (!converts_ && k >= whole_depth_ ? Unit::kStep : row < in_place_ ? a_.stride : copies_step_);
  }
  // The end of the steps from k on that are contiguous.
  int64_t end_from(int64_t k) const { return k < whole_depth_ ? whole_depth_ : whole_depth_ + Unit::kStep; }

 private:
  static constexpr int64_t kSize = sizeof(Value);

  // Copies `count` columns of the rows from `row` on; zero-pads rows to `step` and the block to the padded rows.
  void copy(Value* to, int64_t step, int64_t row, int64_t column, int64_t count) const {
    for (int64_t r = row; r < padded_; ++r, to += step) {
      const int64_t present = r < rows_ ? count : 0;
      if (present > 0) std::memcpy(to, a_.row<const Value>(first_ + r) + column, static_cast<size_t>(present * kSize));
      std::memset(to + present, 0, static_cast<size_t>((step - present) * kSize));
    }
  }

  const View& a_;
  int64_t first_, rows_, padded_;
  bool converts_;
  int64_t in_place_, whole_depth_;  // rows; steps
  Value *copies_ = nullptr, *last_columns_ = nullptr;
  int64_t copies_step_ = 0, copies_begin_ = 0;
};

// Calls use.operator()<Finish>() with the form of the epilogue that p has, so that the loop over blocks contains one form alone.
template <typename Unit, typename T, typename Use>
void with_epilogue(const MatmulParams& p, Use&& use) {
  const bool simple = !p.accumulate && !p.before;
  if (simple && p.activation == Activation::none) return use.template operator()<typename Unit::template Finish<T, Epilogue::plain>>();
  if (simple && p.activation == Activation::relu) return use.template operator()<typename Unit::template Finish<T, Epilogue::relu>>();
  if constexpr (Unit::kGelu && std::is_same_v<T, bf16>) {
    if (simple && p.activation == Activation::gelu) return use.template operator()<typename Unit::template Finish<T, Epilogue::erf_gelu>>();
    if (simple && p.activation == Activation::gelu_tanh)
      return use.template operator()<typename Unit::template Finish<T, Epilogue::tanh_gelu>>();
  }
  use.template operator()<typename Unit::template Finish<T, Epilogue::any>>();
}
template <typename Unit, typename Use>
void with_epilogue(const MatmulParams& p, Use&& use) {
  if (p.out.dtype == DType::bf16) return with_epilogue<Unit, bf16>(p, use);
  with_epilogue<Unit, float>(p, use);
}

// Multiplies a block while the epilogue of another one, `end`, runs: the tile unit and the vector units work side by side (one after the
// other they took 1270 cycles for a block of depth 256 instead of 440).
template <typename Unit, typename Finish>
inline void multiply_and_finish(int64_t rows, const Block& block, const MatmulParams& p, const BlockEnd& end, Prefetch& prefetch) {
  Finish finish(p, end);
  Prefetch local = prefetch;
  const int64_t share = Unit::kBeside ? divide_up(end.rows, std::max<int64_t>(block.steps, 1)) : 0;
  Unit::multiply(rows, block, [&](int64_t times) QKV_TARGET_ATTRIBUTE {
    if constexpr (Unit::kBeside) finish.rows(share);
    local.some(times);
  });
  finish.rows(end.rows);
  prefetch = local;
}

// Runs the last epilogue of a thread.
template <typename Finish>
inline void finish_last(const MatmulParams& p, const BlockEnd& end) {
  Finish(p, end).rows(end.rows);
  if (p.out.dtype == DType::bf16) __builtin_ia32_sfence();  // makes streaming stores of this and earlier blocks visible to other threads
}

// True if the epilogue can run straight from registers. Output columns that do not fill a panel always take the other path.
template <typename Unit>
bool ends_directly(const MatmulParams& p) {
  const bool simple = (p.activation <= Activation::relu || p.accumulate) && !p.activated && !p.before;
  return !Unit::kBeside && simple && (!p.accumulate || (p.out.dtype == DType::f32 && !p.bias));
}

// Multiplies `panels` panels, one or kPanelsAtOnce; after the last steps of depth the epilogue runs straight from registers. in_place: the
// output holds the intermediate sums.
template <typename Unit>
inline void multiply_direct(const MatmulParams& p, int64_t rows, int64_t row, int64_t column, int64_t panels, Block block, bool first,
                            bool last, bool in_place) {
  DirectEnd end{p.out.row<char>(0) + (row * p.out.stride + column) * size_of(p.out.dtype), p.out.stride * size_of(p.out.dtype),
                last && p.bias ? p.bias.as<const float>() + column : nullptr, last && p.activation == Activation::relu && !p.accumulate};
  if (in_place) {
    block.sums = static_cast<float*>(end.out);
    block.sums_step = end.step;
    block.add = !first || p.accumulate;
  } else if (!last) {
    return Unit::multiply(rows, block, [](int64_t) {});
  }
  if (p.out.dtype == DType::f32) return Unit::template multiply_direct<float>(rows, panels, block, end);
  Unit::template multiply_direct<bf16>(rows, panels, block, end);
}

// Multiplies rows [first, first + rows) with panels [first_panel, last_panel) of b. Rows of a stay in L1 while panels stream from L2, some
// panels at a time for all rows.
template <typename Unit, typename Finish>
void slab_times_panels(const MatmulParams& p, const char* packed, int64_t first, int64_t rows, int64_t first_panel, int64_t last_panel,
                       Prefetch prefetch) {
  constexpr int64_t kPanelRow = Unit::kColumns * sizeof(typename Unit::Value), kSums = Unit::kRows * Unit::kColumns;
  RowsOfA<Unit> a(p.a, first, rows);
  const int64_t depth = up_to_multiple(p.a.cols, Unit::kStep),
                chunk = depth <= Unit::kWholeDepth ? std::max(depth, Unit::kStep) : Unit::kDepth;
  const int64_t blocks = divide_up(rows, Unit::kRows);
  const bool direct = ends_directly<Unit>(p), in_place = direct && p.out.dtype == DType::f32;
  const bool pieces = chunk < depth || (p.a.cols > Unit::kStep && p.a.cols < depth);
  const int64_t in_l2 = std::max<int64_t>(1, kPanelsInL2 / (chunk * kPanelRow)),
                group = pieces && !in_place ? std::clamp<int64_t>(kSumsInL2 / (4 * kSums * blocks), 1, in_l2) : in_l2;
  float* memory = scratch(Scratch::sums, pieces ? std::min(group, last_panel - first_panel) * blocks * kSums : 2 * kSums);
  const TileRegisters tiles;
  BlockEnd end;
  for (int64_t begin = first_panel; begin < last_panel; begin += group) {
    const int64_t count = std::min(group, last_panel - begin);
    for (int64_t k = 0, next = 0; k == 0 || k < depth; k = next) {
      next = std::max(k + Unit::kStep, std::min(k + chunk, a.end_from(k)));
      a.prepare(k, std::min(next, std::max(depth, Unit::kStep)));
      const bool last = next >= depth, passes = count * (next - k) * kPanelRow > kInL1;
      for (int64_t i = 0, taken = 1; i < blocks * count; i += taken) {
        const int64_t block = i / count, panel = begin + i % count, row = block * Unit::kRows,
                      block_rows = std::min(Unit::kRows, rows - row);
        // Two buffers alternate: one is filled while the epilogue reads the other.
        float* sums = memory + (pieces ? i : end.sums == memory) * kSums;
        const Block product{.a = a.data(row, k),
                            .a_step = a.step(row, k),
                            .a_next = Unit::kStep * static_cast<int64_t>(sizeof(typename Unit::Value)),
                            .b = packed + (panel * depth + k) * kPanelRow,
                            .b_next = depth * kPanelRow,
                            .steps = depth == 0 ? 0 : (std::min(next, depth) - k) / Unit::kStep,
                            .sums = sums,
                            .sums_step = Unit::kColumns * 4,
                            .add = k > 0,
                            .b_passes = passes};
        if constexpr (!Unit::kBeside) {
          const auto fits = [&](int64_t panels) { return i % count + panels <= count && (panel + panels) * Unit::kColumns <= p.out.cols; };
          taken = direct && rows <= kFewRows && (in_place || !pieces) && fits(kPanelsAtOnce) ? kPanelsAtOnce : 1;
          if (direct && fits(taken)) {
            multiply_direct<Unit>(p, block_rows, first + row, panel * Unit::kColumns, taken, product, k == 0, last, in_place);
            prefetch.some(divide_up(product.steps * Unit::kStep, 32));
            continue;
          }
        }
        multiply_and_finish<Unit, Finish>(block_rows, product, p, end, prefetch);
        end = last ? BlockEnd{sums, first + row, block_rows, panel * Unit::kColumns} : BlockEnd{};
      }
    }
  }
  finish_last<Finish>(p, end);
}

template <typename Unit>
void pack_b(const View& b, bool transpose_b, void* packed) {
  constexpr int64_t kPanelRow = Unit::kColumns * sizeof(typename Unit::Value), kSpan = 256;
  const int64_t depth = up_to_multiple(transpose_b ? b.cols : b.rows, Unit::kStep), columns = transpose_b ? b.rows : b.cols;
  const int64_t panels = divide_up(columns, Unit::kColumns);
  char* to = static_cast<char*>(packed);
  const auto pack = [&](int64_t panel, int64_t k, int64_t steps) QKV_TARGET_ATTRIBUTE {
    Unit::pack_panel(b, transpose_b, panel * Unit::kColumns, k, steps, to + (panel * depth + k) * kPanelRow);
  };
  if (transpose_b) return parallel_for(panels, [&](int64_t panel) QKV_TARGET_ATTRIBUTE { pack(panel, 0, depth); });
  // Reads some rows of b at a time for all panels; going panel after panel would touch each page of b once per panel.
  parallel_for(divide_up(depth, kSpan), [&](int64_t span) QKV_TARGET_ATTRIBUTE {
    for (int64_t k = span * kSpan; k < std::min(depth, (span + 1) * kSpan); k += 32) {
      for (int64_t panel = 0; panel < panels; ++panel) pack(panel, k, std::min<int64_t>(32, depth - k));
    }
  });
}

template <typename Unit>
void product_of_rows(const MatmulParams& p) {
  using Value = typename Unit::Value;
  const int64_t panels = divide_up(p.out.cols, Unit::kColumns),
                size = panels * Unit::kColumns * up_to_multiple(p.a.cols, Unit::kStep) * static_cast<int64_t>(sizeof(Value));
  const char* packed = static_cast<const char*>(p.packed_b.data);
  if (!packed) {
    void* made = scratch_bytes(Scratch::packed_b, size);
    pack_b<Unit>(p.b, p.transpose_b, made);
    packed = static_cast<const char*>(made);
  }
  // Slabs have equal numbers of rows, as far as whole blocks allow.
  const int64_t threads = num_threads(), rows = std::max<int64_t>(p.out.rows, 1),
                least = divide_up(rows, size > kWideB ? kWideSlab : kSlab), slab = up_to_multiple(divide_up(rows, least), Unit::kRows),
                slabs = divide_up(rows, slab);
  // Few rows are partitioned by columns too, to have work for all threads; each group of columns reads the rows again, so of more rows only
  // as many groups are made as balance the threads. Pieces must be worth the microsecond that handing one over takes.
  const int64_t most = std::min((panels + 1) / 2, divide_up(p.out.rows * p.a.cols * p.out.cols, kLeastWork)),
                wanted = slabs == 1 ? std::max<int64_t>(16, 2 * threads) : 2 * threads,
                groups = inside_parallel_for() ? 1 : std::clamp<int64_t>(divide_up(wanted, slabs), 1, std::max<int64_t>(most, 1)),
                group = divide_up(panels, groups);
  parallel_for(slabs * groups, [&](int64_t task) QKV_TARGET_ATTRIBUTE {
    const int64_t first = task / groups * slab, panel = task % groups * group;
    if (panel >= panels) return;
    // Threads take tasks in turn, so this thread's next task is probably as many tasks away as there are threads.
    const Prefetch next = groups == 1 ? prefetch_of(p.a, first + threads * slab, slab, 0, p.a.cols, panels) : Prefetch{};
    with_epilogue<Unit>(p, [&]<typename Finish>() QKV_TARGET_ATTRIBUTE {
      slab_times_panels<Unit, Finish>(p, packed, first, std::min(slab, p.out.rows - first), panel, std::min(panels, panel + group), next);
    });
  });
}

inline constexpr int64_t kTokens = 256;    // tokens of both factors packed at a time: a block's columns of them stay in L1
inline constexpr int64_t kTaskRows = 256;  // maximal rows of a weight's gradient per task: packed factors and sums stay in L2
inline constexpr int64_t kTaskColumns = 768;
inline constexpr int64_t kFewTokens = 256;  // with so few, reading and writing the output dominates: few of its rows at a time
inline constexpr int64_t kTokensInPlace =
    1024;  // with more, sums are kept in a contiguous buffer: 1.1 times as fast as rows far apart in the output

// Rows [first_row, last_row) and columns [first_column, last_column) of a^T b, summed over all tokens in order.
template <typename Unit>
void block_over_rows(const MatmulParams& p, int64_t first_row, int64_t last_row, int64_t first_column, int64_t last_column) {
  using Value = typename Unit::Value;
  constexpr int64_t kRowsOfStep = Unit::kRows * sizeof(Value), kPanelRow = Unit::kColumns * sizeof(Value),
                    kSums = Unit::kRows * Unit::kColumns;
  const int64_t row_blocks = divide_up(last_row - first_row, Unit::kRows), panels = divide_up(last_column - first_column, Unit::kColumns);
  // Decided by the whole output, not by this task's part: sums that start from the output's content are rounded in another order.
  const bool whole = p.out.rows % Unit::kRows == 0 && p.out.cols % Unit::kColumns == 0;
  const bool in_place = whole && p.out.dtype == DType::f32 && p.a.rows <= kTokensInPlace && p.activation == Activation::none && !p.bias;
  char* rows = static_cast<char*>(scratch_bytes(Scratch::rows_a, row_blocks * kTokens * kRowsOfStep));
  char* columns = static_cast<char*>(scratch_bytes(Scratch::packed_b, panels * kTokens * kPanelRow));
  float* memory = in_place ? nullptr : scratch(Scratch::sums, row_blocks * panels * kSums);
  float a_sums[kTaskRows + Unit::kRows] = {};
  const bool wants_a_sums = p.a_sums && first_column == 0;
  const int64_t tokens = p.a.rows;
  const TileRegisters tiles;
  for (int64_t t = 0; t == 0 || t < tokens; t += kTokens) {
    const int64_t depth = up_to_multiple(std::min(kTokens, tokens - t), Unit::kStep);
    for (int64_t k = 0; k < depth; k += 32) {  // some tokens at a time, so that their rows are read from end to end
      const int64_t steps = std::min<int64_t>(32, depth - k);
      for (int64_t i = 0; i < row_blocks; ++i)
        Unit::pack_transposed_rows(p.a, first_row + i * Unit::kRows, t + k, steps, rows + (i * depth + k) * kRowsOfStep,
                                   wants_a_sums ? a_sums + i * Unit::kRows : nullptr);
      for (int64_t j = 0; j < panels; ++j)
        Unit::pack_panel(p.b, p.transpose_b, first_column + j * Unit::kColumns, t + k, steps, columns + (j * depth + k) * kPanelRow);
    }
    Prefetch next_a = prefetch_of(p.a, t + kTokens, kTokens, first_row, last_row, panels);
    Prefetch next_b = prefetch_of(p.b, t + kTokens, kTokens, first_column, last_column, row_blocks);
    const int64_t rows_at_once = in_place && tokens <= kFewTokens ? Unit::kTile : Unit::kRows;
    for (int64_t row = 0; row < row_blocks * Unit::kRows; row += rows_at_once) {
      const int64_t i = row / Unit::kRows, within = row % Unit::kRows;
      for (int64_t j = 0; j < panels; ++j) {
        float* sums = in_place ? p.out.row<float>(first_row + row) + first_column + j * Unit::kColumns : memory + (i * panels + j) * kSums;
        Unit::multiply(rows_at_once,
                       {.a = rows + i * depth * kRowsOfStep + within * Unit::kTransposedStep,
                        .a_step = Unit::kTransposedStep,
                        .a_next = Unit::kTransposedNext,
                        .b = columns + j * depth * kPanelRow,
                        .steps = depth / Unit::kStep,
                        .sums = sums,
                        .sums_step = in_place ? p.out.stride * 4 : Unit::kColumns * 4,
                        .add = t > 0 || (in_place && p.accumulate)},
                       [&](int64_t times) QKV_TARGET_ATTRIBUTE {
                         next_a.some(times);
                         next_b.some(times);
                       });
      }
    }
  }
  if (!in_place) {
    with_epilogue<Unit>(p, [&]<typename Finish>() QKV_TARGET_ATTRIBUTE {
      for (int64_t i = 0; i < row_blocks; ++i) {
        const int64_t row = first_row + i * Unit::kRows;
        for (int64_t j = 0; j < panels; ++j)
          finish_last<Finish>(
              p, {memory + (i * panels + j) * kSums, row, std::min(Unit::kRows, last_row - row), first_column + j * Unit::kColumns});
      }
    });
  }
  if (!wants_a_sums) return;
  float* out = p.a_sums.as<float>();
  for (int64_t r = first_row; r < last_row; ++r) out[r] = a_sums[r - first_row] + (p.accumulate_a_sums ? out[r] : 0);
}

// Rows per task: an even number of tasks, each of at most kTaskRows, and at least one per thread.
template <typename Unit>
int64_t task_rows(int64_t rows) {
  const int64_t tasks = up_to_multiple(std::max<int64_t>(divide_up(rows, kTaskRows), num_threads()), 2);
  return up_to_multiple(divide_up(rows, tasks), Unit::kRows);
}

template <typename Unit>
void product_over_rows(const MatmulParams& p) {
  const int64_t least = divide_up(kLeastWork, std::max<int64_t>(p.a.rows * p.out.cols, 1)),
                rows = std::max(task_rows<Unit>(p.out.rows), std::min(kTaskRows, up_to_multiple(least, Unit::kRows))),
                cuts = divide_up(p.out.cols, kTaskColumns);
  const int64_t columns = up_to_multiple(divide_up(p.out.cols, cuts), Unit::kColumns), across = divide_up(p.out.cols, columns),
                down = divide_up(p.out.rows, rows);
  parallel_for(down * across, [&](int64_t task) QKV_TARGET_ATTRIBUTE {
    const int64_t row = task / across * rows, column = task % across * columns;
    block_over_rows<Unit>(p, row, std::min(p.out.rows, row + rows), column, std::min(p.out.cols, column + columns));
  });
}

template <typename Unit>
void blocked_product(const MatmulParams& p) {
  if (p.transpose_a) return product_over_rows<Unit>(p);
  product_of_rows<Unit>(p);
}

}  // namespace qkv::cpu::QKV_TARGET_NAMESPACE
QKV_TARGET_END
