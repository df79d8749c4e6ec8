// A matrix whose number of rows grows without any row being copied.
#pragma once

#include "tensor/tensor.h"

namespace qkv {

// The rows lie in pages of their own (growing_pages.h). Memory is taken as rows are first written, and nothing has to be known of the end.
class GrowingRows {
 public:
  GrowingRows(int64_t cols, DType dtype, Device device);

  // Makes room for `count` rows at least. Throws Error(unsupported) where the system has no more memory; all rows are kept then.
  void reserve(int64_t count);
  // [rows there is room for, cols], uninitialized where nothing was written. Grows with later calls of reserve().
  const Tensor& tensor() const { return tensor_; }

 private:
  Tensor tensor_;
};

}  // namespace qkv
