// Plain descriptions of memory that cross the kernel boundary. They own nothing.
#pragma once

#include <cstdint>

#include "base/error.h"

namespace qkv {

enum class DType : uint8_t { f32, bf16, f64, i32 };

constexpr int64_t size_of(DType type) {
  switch (type) {
    case DType::f64: return 8;
    case DType::bf16: return 2;
    default: return 4;
  }
}
constexpr const char* name_of(DType type) {
  switch (type) {
    case DType::f32: return "f32";
    case DType::bf16: return "bf16";
    case DType::f64: return "f64";
    default: return "i32";
  }
}

// A row-major matrix; a vector is one row. Empty (data == nullptr) if a parameter is optional and absent.
struct View {
  void* data = nullptr;
  int64_t rows = 0, cols = 0;
  int64_t stride = 0;  // elements from one row to the next
  DType dtype = DType::f32;
  const void* scales = nullptr;  // one per row, of types whose values are multiples of such; null for all types of today

  explicit operator bool() const { return data != nullptr; }
  template <typename T>
  T* as() const {
    return static_cast<T*>(data);
  }
  template <typename T>
  T* row(int64_t index) const {
    return static_cast<T*>(data) + index * stride;
  }
  // Rows [first, first + count) of this matrix.
  View rows_from(int64_t first, int64_t count) const {
    return {static_cast<char*>(data) + first * stride * size_of(dtype), count, cols, stride, dtype};
  }
};

// The rows of each sequence of a packed batch: [begin[i], begin[i] + length[i]). If `index` is given, row r of a sequence is index[r]
// instead: the key/value cache of beam search, where hypotheses share rows.
struct SegmentView {
  const int32_t* begin = nullptr;
  const int32_t* length = nullptr;
  int64_t count = 0;
  const int32_t* index = nullptr;
};

// The random numbers of a dropout: element e of a site's tensor uses philox(seed, {e / 8, site, step})[e % 8], 16 bits each. Forward and
// backward recompute the same mask; nothing is stored.
struct DropoutParams {
  float probability = 0;  // 0: no dropout
  uint64_t seed = 0;
  uint32_t step = 0, site = 0;
};

}  // namespace qkv
