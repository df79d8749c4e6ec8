// Matrix products of any shape: packing, cutting into slabs for the threads, and the epilogue.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/matmul.cc"
#include <hwy/foreach_target.h>
//
#include "kernels/cpu/activation-inl.h"
#include "kernels/cpu/amx_matmul.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/flat.h"
#include "kernels/cpu/gemm-inl.h"
#include "kernels/cpu/onednn_matmul.h"
#include "kernels/cpu/scratch.h"

HWY_BEFORE_NAMESPACE();
namespace qkv::cpu::HWY_NAMESPACE {

inline constexpr int64_t kSlabRows = 20 * kRows;  // a slab's part of a is 120 KiB for kDepth steps and stays in L2

// 32 registers hold the sums of 6 rows and 4 vectors; kSteps steps of such a panel are 32 KiB too. Weights' gradients (128 x 256 to
// 2048 x 512 over 200 to 16,384 tokens) then run 1.05 to 1.5 times as fast as oneDNN's on one AVX-512 core; x W^T and dy W do not.
inline constexpr int kVectors = HWY_TARGET == HWY_AVX3 ? 4 : 2;
inline constexpr int64_t kWide = kVectors * static_cast<int64_t>(kLanes);
inline constexpr int64_t kSteps = HWY_TARGET == HWY_AVX3 ? 128 : kDepth;

inline constexpr int64_t kPassTokens = 4 * kDepth;

int64_t PackedSize(int64_t depth, int64_t columns) { return RoundUp(columns, kWide) * depth * 4; }

// Blocks of rows of b are read whole, a piece of each row for every panel: panel after panel would touch each page of b once per panel.
template <typename T>
void PackRows(const View& b, float* packed) {
  constexpr int64_t kBlock = 64;
  parallel_for((b.rows + kBlock - 1) / kBlock, [&](int64_t block) HWY_ATTR {
    for (int64_t k = block * kBlock; k < std::min(b.rows, (block + 1) * kBlock); ++k) {
      const T* row = b.row<const T>(k);
      for (int64_t n = 0; n < b.cols; n += kWide) {
        float* to = packed + n * b.rows + k * kWide;
        for (int64_t c = n; c < n + kWide; c += kLanes, to += kLanes)
          Store(c < b.cols ? LoadPart(row + c, b.cols - c) : hn::Zero(F32()), to);
      }
    }
  });
}

void PackB(const View& b, bool transpose, float* packed) {
  with_type(b.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    if (!transpose) return PackRows<T>(b, packed);
    parallel_for((b.rows + kWide - 1) / kWide, [&](int64_t i) {
      const int64_t n = i * kWide;
      PackPanel<kVectors>(b.row<const T>(n), 1, b.stride, b.cols, std::min(kWide, b.rows - n), packed + n * b.cols);
    });
  });
}

// Rows of op(a), steps [k, k + depth) of k, in the form that Tile reads: row r's element k at data[r * row_step + k * k_step].
struct RowsOfA {
  const float* data;
  int64_t row_step, k_step;
  int64_t tile_step;  // from one tile of kRows rows to the next
};

// From one gathered tile to the next: room for what the last vector writes past its kRows values.
constexpr int64_t TileStep(int64_t depth) { return kRows * depth + static_cast<int64_t>(kLanes); }

// Tiles of op(a) = a^T: [tile][depth][kRows], zero rows past the end. A row of a is read once for all tiles; whole vectors are written
// where the next step of k overwrites the excess.
template <typename T>
void GatherTiles(const MatmulParams& p, int64_t first, int64_t rows, int64_t k, int64_t depth, float* tiles) {
  const int64_t whole = static_cast<int64_t>(kLanes) >= kRows
                            ? std::clamp<int64_t>((p.a.cols - first - static_cast<int64_t>(kLanes) + kRows) / kRows, 0, rows / kRows)
                            : 0;
  for (int64_t i = 0; i < depth; ++i) {
    const T* from = p.a.row<const T>(k + i) + first;
    float* to = tiles + i * kRows;
    for (int64_t t = 0; t < whole; ++t) Store(Load(from + t * kRows), to + t * TileStep(depth));
    for (int64_t r = whole * kRows; r < RoundUp(rows, kRows); ++r)
      to[r / kRows * TileStep(depth) + r % kRows] = r < rows ? to_float(from[r]) : 0;
  }
}

// f32 rows are read in place; others are converted, and columns of a transposed a are gathered by tiles.
RowsOfA PrepareA(const MatmulParams& p, int64_t first, int64_t rows, int64_t k, int64_t depth) {
  if (!p.transpose_a && p.a.dtype == DType::f32) return {p.a.row<const float>(first) + k, p.a.stride, 1, kRows * p.a.stride};
  float* copy =
      scratch(Scratch::rows_a, std::max(rows * depth + static_cast<int64_t>(kLanes), (rows + kRows - 1) / kRows * TileStep(depth)));
  with_type(p.a.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    if (!p.transpose_a) {
      for (int64_t r = 0; r < rows; ++r) {
        const T* from = p.a.row<const T>(first + r) + k;
        for (int64_t i = 0; i < depth; i += kLanes) StorePart(LoadPart(from + i, depth - i), copy + r * depth + i, depth - i);
      }
      return;
    }
    GatherTiles<T>(p, first, rows, k, depth, copy);
  });
  if (!p.transpose_a) return {copy, depth, 1, kRows * depth};
  return {copy, 1, kRows, TileStep(depth)};
}

// bias, activation, accumulation and the output's type, for the sums of some rows and columns.
template <typename T>
void Epilogue(const MatmulParams& p, const float* sums, int64_t sums_step, int64_t first_row, int64_t rows, int64_t first_column,
              int64_t columns) {
  const float* bias = p.bias.as<const float>();
  for (int64_t r = 0; r < rows; ++r) {
    T* out = p.out.row<T>(first_row + r) + first_column;
    for (int64_t c = 0; c < columns; c += kLanes) {
      Vec y = Load(sums + r * sums_step + c);
      if (p.bias) y = hn::Add(y, LoadPart(bias + first_column + c, columns - c));
      y = p.accumulate ? hn::Add(y, LoadPart(out + c, columns - c)) : Activate(p.activation, y);
      StorePart(y, out + c, columns - c);
    }
  }
}

// One task: rows [first, first + rows) times panels [first_panel, last_panel).
void Slab(const MatmulParams& p, const float* packed, int64_t depth, int64_t first, int64_t rows, int64_t first_column,
          int64_t last_column) {
  const int64_t width = RoundUp(last_column - first_column, kWide);
  // Sums stay in `out` itself where it is f32 and holds whole panels; else in scratch. Not a matter of this slab's own columns: the place
  // of the bias in the sum may not depend on the cut.
  const bool in_place = p.out.dtype == DType::f32 && p.out.cols % kWide == 0;
  // There the tiles themselves begin with the bias and end with relu.
  const bool fused = in_place && (p.activation == Activation::none || p.activation == Activation::relu || p.accumulate);
  const float* bias = fused && p.bias && !p.accumulate ? p.bias.as<const float>() + first_column : nullptr;
  const bool finished = fused && !(p.bias && p.accumulate);
  float* sums = in_place ? p.out.row<float>(first) + first_column : scratch(Scratch::sums, rows * width);
  const int64_t sums_step = in_place ? p.out.stride : width;
  for (int64_t k = 0; k == 0 || k < depth; k += kSteps) {
    const int64_t steps = std::min(kSteps, depth - k);
    const RowsOfA a = PrepareA(p, first, rows, k, steps);
    TileEnds ends{.accumulate = k > 0 || (in_place && p.accumulate),
                  .relu = finished && !p.accumulate && p.activation == Activation::relu && k + kSteps >= depth};
    for (int64_t n = 0; n < width; n += kWide) {
      const float* panel = packed + (first_column + n) * depth + k * kWide;
      ends.bias = bias ? bias + n : nullptr;
      for (int64_t r = 0, tile = 0; r < rows; r += kRows, ++tile) {
        const int64_t tile_rows = std::min(kRows, rows - r);
        float* to = sums + r * sums_step + n;
        ends.next = panel + kWide * depth + 16 * steps * tile;
        ends.lines = std::max<int64_t>(0, steps * kWide / 16 - steps * tile);
        if (a.k_step == 1) {
          TileOfRows<true, kVectors>(tile_rows, a.data + tile * a.tile_step, a.row_step, 1, panel, steps, to, sums_step, ends);
        } else {
          TileOfRows<false, kVectors>(tile_rows, a.data + tile * a.tile_step, a.row_step, a.k_step, panel, steps, to, sums_step, ends);
        }
      }
    }
  }
  if (finished) return;
  MatmulParams epilogue = p;
  if (p.accumulate) epilogue.activation = Activation::none;
  if (in_place) epilogue.accumulate = false;
  with_type(p.out.dtype, [&](auto* type) {
    Epilogue<std::remove_pointer_t<decltype(type)>>(epilogue, sums, sums_step, first, rows, first_column, last_column - first_column);
  });
}

void Matmul(const MatmulParams& p) {
  const int64_t depth = p.transpose_a ? p.a.rows : p.a.cols;
  // A weight's gradient sums over all tokens: some at a time, so that what is packed is used from the cache (dW of 256 x 256 to
  // 1024 x 256 over 3,600 tokens: 1.1 to 1.2 times as fast as packing all first). The order of the sum stays.
  if (p.transpose_a && !p.transpose_b && !p.packed_b && depth > kPassTokens && p.out.dtype == DType::f32 && !p.bias &&
      p.activation == Activation::none) {
    for (int64_t k = 0; k < depth; k += kPassTokens) {
      MatmulParams pass = p;
      pass.a = p.a.rows_from(k, std::min(kPassTokens, depth - k));
      pass.b = p.b.rows_from(k, pass.a.rows);
      pass.accumulate = p.accumulate || k > 0;
      Matmul(pass);
    }
    return;
  }
  const float* packed = static_cast<const float*>(p.packed_b);
  if (!packed) {
    float* made = static_cast<float*>(scratch_bytes(Scratch::packed_b, PackedSize(depth, p.out.cols)));
    PackB(p.b, p.transpose_b, made);
    packed = made;
  }
  // Slabs of rows over all columns keep b's panels in use longest and gather a once; as many for every thread. Outputs of few rows are cut
  // by columns too. Results do not depend on the cut: a sum runs over k in one order.
  const int64_t threads = num_threads();
  const int64_t wanted = RoundUp((p.out.rows + kSlabRows - 1) / kSlabRows, threads);
  const int64_t slab = RoundUp((p.out.rows + wanted - 1) / wanted, kRows), slabs = (p.out.rows + slab - 1) / slab;
  const int64_t groups = std::clamp<int64_t>(2 * threads / slabs, 1, (p.out.cols + 4 * kWide - 1) / (4 * kWide));
  const int64_t group = RoundUp((p.out.cols + groups - 1) / groups, kWide);
  const int64_t columns = (p.out.cols + group - 1) / group;
  parallel_for(slabs * columns, [&](int64_t task) {
    const int64_t first = task / columns * slab, first_column = task % columns * group;
    Slab(p, packed, depth, first, std::min(slab, p.out.rows - first), first_column, std::min(p.out.cols, first_column + group));
  });
}

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qkv::cpu {
HWY_EXPORT(PackedSize);
HWY_EXPORT(PackB);
HWY_EXPORT(Matmul);

namespace {

// amx_matmul.h and onednn_matmul.h say why.
bool use_amx(DType a_type) { return current_isa() == Isa::amx && a_type == DType::bf16; }
bool use_onednn(DType a_type) { return current_isa() >= Isa::avx512 && onednn_supports(a_type); }

// In f32 those are ours on AVX-512 too (kVectors says why).
bool is_weight_gradient(const MatmulParams& p) { return p.transpose_a && p.a.dtype == DType::f32 && !p.packed_b; }

}  // namespace

int64_t packed_matmul_b_size(const View& b, bool transpose_b, DType a_type) {
  if (use_amx(a_type)) return amx_packed_b_size(b, transpose_b);
  if (use_onednn(a_type)) return onednn_packed_b_size(b, transpose_b, a_type);
  return transpose_b ? HWY_DYNAMIC_DISPATCH(PackedSize)(b.cols, b.rows) : HWY_DYNAMIC_DISPATCH(PackedSize)(b.rows, b.cols);
}

void pack_matmul_b(const View& b, bool transpose_b, DType a_type, void* packed) {
  if (use_amx(a_type)) return amx_pack_b(b, transpose_b, packed);
  if (use_onednn(a_type)) return onednn_pack_b(b, transpose_b, a_type, packed);
  HWY_DYNAMIC_DISPATCH(PackB)(b, transpose_b, static_cast<float*>(packed));
}

// One pass after the other.
void product_and_activation(const MatmulParams& p) {
  MatmulParams product = p;
  product.activation = Activation::none;
  product.activated = product.before = {};
  matmul(product);
  if (p.before) {
    activation_backward({.x = p.before, .dy = p.out, .dx = p.out, .activation = p.activation, .y = p.activated});
  } else {
    activation({.x = p.out, .y = p.activated ? p.activated : p.out, .activation = p.activation});
  }
}

void matmul(const MatmulParams& p) {
  if (p.out.rows == 0 || p.out.cols == 0) return;
  const bool amx = use_amx(p.a.dtype);
  if (amx && amx_activates(p)) return amx_matmul(p);
  if (amx || p.activated || p.before) return product_and_activation(p);
  if (p.a_sums) column_sum({.x = p.a, .out = p.a_sums, .accumulate = p.accumulate_a_sums});
  if (use_onednn(p.a.dtype) && !is_weight_gradient(p)) return onednn_matmul(p);
  HWY_DYNAMIC_DISPATCH(Matmul)(p);
}

}  // namespace qkv::cpu
#endif
