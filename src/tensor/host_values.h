// Host access to the values of tensors on any device, without a copy if the device shares the host's memory.
#pragma once

#include <memory>
#include <span>

#include "tensor/tensor.h"

namespace qkv {

// Read access: the tensor's own memory if shared with the host (later changes are visible), else a copy.
template <typename T>
class HostValues {
 public:
  explicit HostValues(const Tensor& tensor) : tensor_(tensor), size_(static_cast<size_t>(tensor.numel())) {
    if (size_of(tensor.dtype()) != static_cast<int64_t>(sizeof(T)))
      fail(ErrorCode::internal, "[host] a tensor of {}", name_of(tensor.dtype()));
    if (kernels_for(tensor).memory.shared_with_host) {
      data_ = tensor.host<const T>();
      return;
    }
    copy_ = std::make_unique_for_overwrite<T[]>(size_);
    tensor.copy_to_host(copy_.get());
    data_ = copy_.get();
  }

  const T* data() const { return data_; }
  size_t size() const { return size_; }
  const T& operator[](int64_t index) const { return data_[index]; }
  std::span<const T> row(int64_t index) const {
    const auto cols = static_cast<size_t>(tensor_.cols());
    return {data_ + static_cast<size_t>(index) * cols, cols};
  }

 private:
  Tensor tensor_;
  size_t size_;
  std::unique_ptr<T[]> copy_;
  const T* data_;
};

// The initial content of body(T* values): the tensor's values, or arbitrary if the body overwrites all of them.
enum class Before : uint8_t { values, anything };

// Runs body(T* values) on the host and stores in the tensor the values that it wrote.
template <typename T, typename Body>
void write_on_host(const Tensor& tensor, Before before, Body&& body) {
  if (size_of(tensor.dtype()) != static_cast<int64_t>(sizeof(T)))
    fail(ErrorCode::internal, "[host] a tensor of {}", name_of(tensor.dtype()));
  if (kernels_for(tensor).memory.shared_with_host) {
    body(tensor.host<T>());
    tensor.touch();
    return;
  }
  const auto values = std::make_unique_for_overwrite<T[]>(static_cast<size_t>(tensor.numel()));
  if (before == Before::values) tensor.copy_to_host(values.get());
  body(values.get());
  tensor.copy_from_host(values.get());
}

}  // namespace qkv
