#include "tensor/growing_rows.h"

#include <algorithm>

#include "tensor/tensor_impl.h"

namespace qkv {

GrowingRows::GrowingRows(int64_t cols, DType dtype, Device device) : tensor_(Tensor::empty({0, cols}, dtype, device)) {
  QKV_CHECK(cols > 0, "[growing_rows] rows of {} values", cols);
  tensor_.impl().storage = std::make_shared<Storage>(Storage::Growing{}, device);
}

void GrowingRows::reserve(int64_t count) {
  constexpr int64_t kLeast = 64;
  if (count <= tensor_.rows()) return;
  Tensor::Impl& impl = tensor_.impl();
  const int64_t bytes_of_row = tensor_.cols() * size_of(tensor_.dtype());
  int64_t bytes = 0;
  QKV_CHECK(!__builtin_mul_overflow(std::max({count, 2 * tensor_.rows(), kLeast}), bytes_of_row, &bytes),
            "[growing_rows] {} rows of {} bytes are more than can be counted", count, bytes_of_row);
  impl.storage->grow(bytes);
  impl.shape[0] = impl.storage->granted / bytes_of_row;
  impl.numel = impl.shape[0] * tensor_.cols();
}

}  // namespace qkv
