// Packed weights read value by value: rows of a table that is an output layer, too, and whole matrices that somebody wants as rows again.
// Bound by memory: a row of a packed matrix is spread over its panel, a pair or a value to a line of the cache.
#include "base/error.h"
#include "base/parallel.h"
#include "kernels/bf16.h"
#include "kernels/cpu/cpu.h"

namespace qkv::cpu {
namespace {

constexpr int64_t kTile = 16, kPanel = 32, kStep = 32;  // of PackedFormat::bf16_tiles

// Calls body(pointer to the packed values of one column at depth 0, place of depth k) for the format's type of values.
template <typename Body>
void with_column(const PackedLayout& layout, const void* data, int64_t column, Body&& body) {
  const int64_t width = layout.width;
  if (layout.format == PackedFormat::f32_panels) {
    const float* first = static_cast<const float*>(data) + column / width * width * layout.depth + column % width;
    return body(first, [=](int64_t k) { return k * width; });
  }
  const int64_t steps = (layout.depth + kStep - 1) / kStep, in_panel = column % kPanel;
  const bf16* first =
      static_cast<const bf16*>(data) + column / kPanel * steps * kPanel * kStep + in_panel / kTile * kTile * kStep + in_panel % kTile * 2;
  body(first, [](int64_t k) { return k / kStep * kPanel * kStep + k % kStep / 2 * (kTile * 2) + k % 2; });
}

float widened(float x) { return x; }
float widened(bf16 x) { return to_float(x); }
void put(float value, float* to) { *to = value; }
void put(float value, bf16* to) { *to = to_bf16(value); }

// A column of op(b) to values that lie `step` apart.
void unpack_column(const PackedLayout& layout, const void* data, int64_t column, const View& to, int64_t first, int64_t step) {
  with_column(layout, data, column, [&](const auto* from, auto&& place) {
    const auto copy = [&](auto* out) {
      for (int64_t k = 0; k < layout.depth; ++k) put(widened(from[place(k)]), out + first + k * step);
    };
    to.dtype == DType::bf16 ? copy(to.as<bf16>()) : copy(to.as<float>());
  });
}

void check_exact(const PackedLayout& layout, DType type) {
  QKV_CHECK(packed_keeps(layout.format, type), "[unpack] the packed form does not keep values of {}", name_of(type));
}

}  // namespace

void unpack(const PackParams& p) {
  check_exact(p.layout, p.b.dtype);
  parallel_for(p.layout.columns, [&](int64_t column) {
    unpack_column(p.layout, p.packed, column, p.b, p.transpose_b ? column * p.b.stride : column, p.transpose_b ? 1 : p.b.stride);
  });
}

void unpack_rows(const PackedMatrix& packed, const int32_t* ids, int64_t count, const View& rows) {
  check_exact(packed.layout, rows.dtype);
  parallel_for(count, [&](int64_t r) { unpack_column(packed.layout, packed.data, ids[r], rows, r * rows.stride, 1); });
}

}  // namespace qkv::cpu
