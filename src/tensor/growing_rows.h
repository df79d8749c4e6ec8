// A matrix whose number of rows grows without copying any row.
#pragma once

#include "tensor/tensor.h"

namespace qkv {

// The rows lie in pages of their own (growing_pages.h). Memory is allocated when a row is first written, and the final size need not be
// known.
class GrowingRows {
 public:
  GrowingRows(int64_t cols, DType dtype, Device device);

  // Makes room for at least `count` rows. Throws Error(unsupported) if the system has no more memory; all rows are kept then.
  void reserve(int64_t count);
  // [capacity in rows, cols]; rows never written are uninitialized. Later calls of reserve() enlarge it.
  const Tensor& tensor() const { return tensor_; }

 private:
  Tensor tensor_;
};

}  // namespace qkv
