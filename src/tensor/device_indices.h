// Integers readable by a device's kernels: the host's own memory if the device shares it, else a copy.
#pragma once

#include <span>

#include "tensor/tensor.h"

namespace qkv {

class DeviceIndices {
 public:
  // `values` must outlive this object if the device shares the host's memory.
  DeviceIndices(std::span<const int32_t> values, Device device) : data_(values.data()) {
    if (kernels_of(device).memory.shared_with_host) return;
    data_ = nullptr;
    if (values.empty()) return;
    copy_ = Tensor::empty({static_cast<int64_t>(values.size())}, DType::i32, device);
    copy_.copy_from_host(values.data());
    data_ = copy_.view().as<const int32_t>();
  }
  const int32_t* data() const { return data_; }

 private:
  Tensor copy_;
  const int32_t* data_;
};

}  // namespace qkv
