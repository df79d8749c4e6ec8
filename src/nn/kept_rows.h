// Keys and values kept across passes.
#pragma once

#include <span>

#include "tensor/tensor.h"

namespace qkv {

struct KeyValueRows {
  Tensor k, v;  // [rows, num_key_value_heads * head_dim]
};

// Kept rows of one decoder layer: of the tokens read so far (self) and of the sources (cross).
struct LayerRows {
  KeyValueRows self, cross;
};

// Copies row i of x to row rows[i] of `to`.
inline void store_rows(const Tensor& x, const Tensor& to, std::span<const int32_t> rows) {
  QKV_CHECK(x.cols() == to.cols() && x.dtype() == to.dtype() && x.rows() == std::ssize(rows),
            "[store_rows] {} rows of {} {}, {} places in rows of {} {}", x.rows(), x.cols(), name_of(x.dtype()), rows.size(), to.cols(),
            name_of(to.dtype()));
  const View from = x.view(), into = to.view();
  const DeviceMemory& memory = kernels_for(x).memory;
  for (size_t i = 0; i < rows.size(); ++i) {
    QKV_CHECK(rows[i] >= 0 && rows[i] < into.rows, "[store_rows] row {} of {}", rows[i], into.rows);
    memory.copy_within(from.rows_from(static_cast<int64_t>(i), 1).data, into.rows_from(rows[i], 1).data, x.cols() * size_of(x.dtype()));
  }
  to.touch();
}

}  // namespace qkv
