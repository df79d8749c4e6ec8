// Blocks of f32 on vectors (blocked_product-inl.h): tiles of sums stay in registers while a panel of b passes by.
//
// Bound by the multiply-adds: for 8 x 32 sums (AVX-512) 16 of them, 2 loads and 8 broadcasts per step; for 6 x 16 (AVX2) 12, 2 and 6.
// Included once for each of Highway's targets.
#include "kernels/cpu/matmul/blocks.h"
#include "kernels/cpu/matmul/gemm-inl.h"
#include "kernels/cpu/vector/activation-inl.h"
#include "kernels/cpu/vector/sums-inl.h"
#include "kernels/params.h"

QKV_TARGET_BEGIN
namespace qkv::cpu::QKV_TARGET_NAMESPACE {

struct F32Unit {
  using Value = float;
  static constexpr int64_t kTile = kSumLanes == 16 ? 8 : 6;  // rows whose sums stay in registers
  static constexpr int64_t kRows = 4 * kTile, kColumns = 2 * kSumLanes, kStep = 1;
  static constexpr bool kWholeBlocks = false, kBeside = false;
  static constexpr int64_t kWholeDepth = 2048, kDepth = 1024;
  static constexpr int64_t kTransposedStep = 4, kTransposedNext = 4 * kRows;

  // Packs columns [first, first + kColumns) of op(b), steps [begin, begin + depth), as [depth][kColumns].
  static void pack_panel(const View& b, bool transpose_b, int64_t first, int64_t begin, int64_t depth, char* to) {
    float* panel = reinterpret_cast<float*>(to);
    const auto pack = [&](auto* type) HWY_ATTR {
      using T = std::remove_pointer_t<decltype(type)>;
      if (transpose_b)
        return pack_columns<kColumns / static_cast<int64_t>(kLanes)>(b.row<const T>(first) + begin, 1, b.stride, depth,
                                                                     std::min(kColumns, b.rows - first), panel);
      pack_columns<kColumns / static_cast<int64_t>(kLanes)>(b.row<const T>(begin) + first, b.stride, 1, depth,
                                                            std::min(kColumns, b.cols - first), panel);
    };
    if (b.dtype == DType::f32) return pack(static_cast<float*>(nullptr));
    pack(static_cast<bf16*>(nullptr));
  }

  // Packs columns [first, first + kRows) of a as rows, rows [begin, begin + depth) as depth, as [depth][kRows], zero past a's last column.
  static void pack_transposed_rows(const View& a, int64_t first, int64_t begin, int64_t depth, char* to, float* column_sums) {
    const int64_t columns = std::min(kRows, a.cols - first);
    const auto pack = [&](auto* type) HWY_ATTR {
      using T = std::remove_pointer_t<decltype(type)>;
      float* row = reinterpret_cast<float*>(to);
      for (int64_t k = 0; k < depth; ++k, row += kRows) {
        const T* from = a.row<const T>(begin + k) + first;
        for (int64_t c = 0; c < kRows; c += kLanes) {
          const Vec x = c < columns ? load_part(from + c, columns - c) : hn::Zero(F32());
          store_part(x, row + c, kRows - c);
          if (column_sums) store_part(hn::Add(x, load_part(column_sums + c, kRows - c)), column_sums + c, kRows - c);
        }
      }
    };
    if (a.dtype == DType::f32) return pack(static_cast<float*>(nullptr));
    pack(static_cast<bf16*>(nullptr));
  }

  static void convert(const bf16* from, int64_t count, float* to) {
    for (int64_t i = 0; i < count; i += kLanes) store_part(load_part(from + i, count - i), to + i, count - i);
  }

  template <typename Between>
  static HWY_INLINE void multiply(int64_t rows, const Block& block, Between&& between) {
    char* sums = reinterpret_cast<char*>(block.sums);
    const int64_t step = block.sums_step;
    multiply_tiles(rows, block, [=](int64_t row, int64_t, Sums low, Sums high) HWY_ATTR {
      float* to = reinterpret_cast<float*>(sums + row * step);
      store_sums(low, to);
      store_sums(high, to + kSumLanes);
    });
    between((block.steps + 31) / 32);
  }

  template <typename T>
  static HWY_INLINE void multiply_direct(int64_t rows, int64_t panels, const Block& block, const DirectEnd& end) {
    const Sums low_bias = end.bias ? load_sums(end.bias) : set_sums(0),
               high_bias = end.bias ? load_sums(end.bias + kSumLanes) : set_sums(0);
    const auto store = [&](int64_t row, int64_t panel, Sums low, Sums high) HWY_ATTR {
      T* to = reinterpret_cast<T*>(static_cast<char*>(end.out) + row * end.step) + panel * kColumns;
      const float* bias = end.bias + panel * kColumns;
      low = plus(low, panel && end.bias ? load_sums(bias) : low_bias);
      high = plus(high, panel && end.bias ? load_sums(bias + kSumLanes) : high_bias);
      store_sums(end.relu ? relu_of(low) : low, to);
      store_sums(end.relu ? relu_of(high) : high, to + kSumLanes);
    };
    if (panels == 1) return multiply_tiles(rows, block, store);
    if (rows == 1) return tile<1, 4>(0, block, store);
    tile<2, kSumLanes == 16 ? 4 : 1>(0, block, store);
    if (kSumLanes < 16) {
      for (int64_t panel = 1; panel < panels; ++panel) {
        Block next = block;
        next.b = static_cast<const char*>(block.b) + panel * block.b_next;
        next.sums += panel * kColumns;
        tile<2, 1>(0, next, [&](int64_t row, int64_t, Sums low, Sums high) HWY_ATTR { store(row, panel, low, high); });
      }
    }
  }

  static constexpr bool kGelu = false;
  // The epilogue of rows of a block; T is the output's type.
  template <typename T, Epilogue kForm>
  struct Finish {
    Finish(const MatmulParams& params, const BlockEnd& block_end) : params_(params), end_(block_end) {}
    HWY_INLINE void rows(int64_t count) {
      const int64_t columns = std::min(kColumns, params_.out.cols - end_.column);
      for (; count > 0 && at_ < end_.rows; --count, ++at_) {
        T* out = params_.out.row<T>(end_.row + at_) + end_.column;
        for (int64_t c = 0; c < columns; c += kLanes) {
          Vec y = load(end_.sums + at_ * kColumns + c);
          if (params_.bias) y = hn::Add(y, load_part(params_.bias.as<const float>() + end_.column + c, columns - c));
          if (kForm != Epilogue::plain)
            y = params_.accumulate ? hn::Add(y, load_part(out + c, columns - c)) : activate(params_.activation, y);
          store_part(y, out + c, columns - c);
        }
      }
    }

   private:
    const MatmulParams& params_;
    const BlockEnd end_;
    int64_t at_ = 0;
  };

 private:
  // Calls end(row, low, high) with the sums of each row.
  template <typename End>
  static HWY_INLINE void multiply_tiles(int64_t rows, const Block& block, End&& end) {
    // The last rows are split evenly: a tile of few rows loads as much of b as one of many.
    for (int64_t row = 0; row < rows;) {
      const int64_t left = rows - row, count = left <= kTile ? left : left < 2 * kTile ? (left + 1) / 2 : kTile;
      multiply_rows(count, row, block, end);
      row += count;
    }
  }
  template <typename End>
  static HWY_INLINE void multiply_rows(int64_t rows, int64_t first, const Block& block, const End& end) {
    switch (rows) {
      case 1: return tile<1, 1>(first, block, end);
      case 2: return tile<2, 1>(first, block, end);
      case 3: return tile<3, 1>(first, block, end);
      case 4: return tile<4, 1>(first, block, end);
      case 5: return tile<5, 1>(first, block, end);
      case 6: return tile<6, 1>(first, block, end);
      case 7: return tile<std::min<int>(7, kTile), 1>(first, block, end);
      default: return tile<kTile, 1>(first, block, end);
    }
  }
  // R rows from `first` on times P panels.
  template <int R, int P, typename End>
  static HWY_INLINE void tile(int64_t first, const Block& block, const End& end) {
    const char *a = static_cast<const char*>(block.a) + first * block.a_step, *b = static_cast<const char*>(block.b);
    Sums sums[R][2 * P];
    for (int r = 0; r < R; ++r) {
      const float* at = reinterpret_cast<const float*>(reinterpret_cast<const char*>(block.sums) + (first + r) * block.sums_step);
      for (int v = 0; v < 2 * P; ++v) sums[r][v] = block.add ? load_sums(at + v * kSumLanes) : set_sums(0);
    }
    for (int64_t k = 0; k < block.steps; ++k, a += block.a_next, b += 4 * kColumns) {
      Sums right[2 * P];
      for (int v = 0; v < 2 * P; ++v) right[v] = load_sums(reinterpret_cast<const float*>(b + v / 2 * block.b_next) + v % 2 * kSumLanes);
      for (int r = 0; r < R; ++r) {
        const Sums x = set_sums(*reinterpret_cast<const float*>(a + r * block.a_step));
        for (int v = 0; v < 2 * P; ++v) sums[r][v] = multiply_add(x, right[v], sums[r][v]);
      }
    }
    for (int p = 0; p < P; ++p) {
      for (int r = 0; r < R; ++r) end(first + r, p, sums[r][2 * p], sums[r][2 * p + 1]);
    }
  }
};

}  // namespace qkv::cpu::QKV_TARGET_NAMESPACE
QKV_TARGET_END
