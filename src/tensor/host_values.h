// Values of tensors on any device for the host: nothing is copied where the device shares the host's memory.
#pragma once

#include <memory>
#include <span>

#include "tensor/tensor.h"

namespace qkv {

// To be read, as they are now or later: the tensor's own memory or a copy.
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

// What body(T* values) finds: the tensor's values, or anything, for it writes them all.
enum class Before : uint8_t { values, anything };

// body(T* values) writes on the host; afterwards the tensor holds what it wrote.
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
