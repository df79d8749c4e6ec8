// Embedding lookup and its gradient: bound by memory.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/embedding.cc"
#include <hwy/foreach_target.h>
//
#include <memory>
#include <numeric>
#include <vector>

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/vector/flat.h"
#include "kernels/cpu/vector/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qkv::cpu::HWY_NAMESPACE {

// Calls body(column, n, drop) for each vector of columns [begin, end) of row r; drop(x) applies dropout.
template <typename Body>
HWY_INLINE void for_each_column(DropoutChunk& mask, int64_t r, int64_t cols, int64_t begin, int64_t end, Body&& body) {
  for (int64_t first = begin; first < end; first += DropoutChunk::kChunk) {
    const int64_t last = std::min<int64_t>(end, first + DropoutChunk::kChunk);
    mask.prepare(r * cols + first, last - first);
    for (int64_t c = first; c < last; c += kLanes)
      body(c, static_cast<size_t>(last - c), [&](Vec x) HWY_ATTR { return mask.apply(x, c - first); });
  }
}

void embedding(const EmbeddingParams& p) {
  with_type(p.table.dtype, [&](auto* table_type) {
    with_type(p.y.dtype, [&](auto* y_type) {
      using Table = std::remove_pointer_t<decltype(table_type)>;
      using Y = std::remove_pointer_t<decltype(y_type)>;
      for_each_slab(p.y.rows, [&](int64_t first, int64_t last) HWY_ATTR {
        DropoutChunk mask(p.dropout);
        const Vec scale = hn::Set(F32(), p.scale);
        for (int64_t r = first; r < last; ++r) {
          const Table* row = p.table.row<const Table>(p.ids[r]);
          const float* position = p.positions ? p.positions.row<const float>(p.position_of[r]) : nullptr;
          Y* y = p.y.row<Y>(r);
          for_each_column(mask, r, p.y.cols, 0, p.y.cols, [&](int64_t c, size_t n, auto&& drop) HWY_ATTR {
            Vec value = hn::Mul(scale, load_part(row + c, n));
            if (position) value = hn::Add(value, load_part(position + c, n));
            store_part(drop(value), y + c, n);
          });
        }
      });
    });
  });
}

// Threads are partitioned by columns, so that every sum runs over the rows in their order.
void embedding_backward(const EmbeddingBackwardParams& p) {
  constexpr int64_t kColumns = 64;
  const int64_t cols = p.dy.cols;
  with_type(p.dy.dtype, [&](auto* type) {
    with_type(p.dtable ? p.dtable.dtype : DType::f32, [&](auto* table_type) {
      using T = std::remove_pointer_t<decltype(type)>;
      using Table = std::remove_pointer_t<decltype(table_type)>;
      for_each_slab(
          cols,
          [&](int64_t begin, int64_t end) HWY_ATTR {
            DropoutChunk mask(p.dropout);
            const Vec scale = hn::Set(F32(), p.scale);
            for (int64_t r = 0; r < p.dy.rows; ++r) {
              const T* dy = p.dy.row<const T>(r);
              Table* dtable = p.dtable ? p.dtable.row<Table>(p.ids[r]) : nullptr;
              float* dposition = p.dpositions ? p.dpositions.row<float>(p.position_of[r]) : nullptr;
              for_each_column(mask, r, cols, begin, end, [&](int64_t c, size_t n, auto&& drop) HWY_ATTR {
                const Vec g = drop(load_part(dy + c, n));
                if (dtable) store_part(hn::MulAdd(scale, g, load_part(dtable + c, n)), dtable + c, n);
                if (dposition) store_part(hn::Add(g, load_part(dposition + c, n)), dposition + c, n);
              });
            }
          },
          kColumns);
    });
  });
}

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qkv::cpu {
HWY_EXPORT(embedding);
HWY_EXPORT(embedding_backward);

void embedding(const EmbeddingParams& p) {
  if (!p.packed_table) return HWY_DYNAMIC_DISPATCH(embedding)(p);
  // Unpacks the rows asked for; their numbers become the ids.
  const int64_t count = p.y.rows, cols = p.table.cols;
  const auto values = std::make_unique_for_overwrite<char[]>(static_cast<size_t>(count * cols * size_of(p.table.dtype)));
  std::vector<int32_t> ids(static_cast<size_t>(count));
  std::iota(ids.begin(), ids.end(), 0);
  EmbeddingParams rows = p;
  rows.packed_table = {};
  rows.table = {values.get(), count, cols, cols, p.table.dtype};
  rows.ids = ids.data();
  unpack_rows(p.packed_table, p.ids, count, rows.table);
  HWY_DYNAMIC_DISPATCH(embedding)(rows);
}

void embedding_backward(const EmbeddingBackwardParams& p) { HWY_DYNAMIC_DISPATCH(embedding_backward)(p); }
}  // namespace qkv::cpu
#endif
