// A tensor: shared, typed memory with a shape and a gradient. Copies of a Tensor refer to the same tensor. Activations are [tokens,
// hidden]; every tensor is row-major and contiguous.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/kernel_table.h"

namespace qkv {

using Shape = std::vector<int64_t>;
std::string to_string(const Shape& shape);  // "[3, 4]"

class Tensor {
 public:
  Tensor() = default;
  static Tensor empty(Shape shape, DType dtype, Device device = Device::cpu);  // uninitialized
  static Tensor zeros(Shape shape, DType dtype, Device device = Device::cpu);
  // Values converted to dtype (f32, bf16 or f64).
  static Tensor from(std::span<const float> values, Shape shape, DType dtype = DType::f32, Device device = Device::cpu);

  explicit operator bool() const { return impl_ != nullptr; }
  const Shape& shape() const;
  int64_t dim(int64_t index) const;  // negative: from the end
  int64_t numel() const;
  int64_t cols() const { return dim(-1); }
  int64_t rows() const { return cols() == 0 ? 0 : numel() / cols(); }  // product of all but the last dimension
  DType dtype() const;
  Device device() const;
  View view() const;  // [rows, cols], for kernels; empty for an empty Tensor
  // The values, for code that runs only on devices sharing the host's memory; throws on others. Code for all devices uses
  // tensor/host_values.h.
  template <typename T>
  T* host() const {
    return static_cast<T*>(host_data());
  }
  // Rows [begin, begin + count) as a tensor sharing this one's memory.
  Tensor row_range(int64_t begin, int64_t count) const;
  // A tensor sharing this one's memory with another shape of the same number of values. Not recorded on the tape.
  Tensor reshaped(Shape shape) const;

  // A copy with another type or device. Not recorded on the tape.
  Tensor to(DType dtype, Device device) const;
  Tensor to(DType dtype) const { return to(dtype, device()); }
  std::vector<float> to_vector() const;
  void copy_from(const Tensor& other) const;  // shapes must be equal; converts types
  void fill(float value) const;
  // Copies all bytes to or from host memory.
  void copy_to_host(void* host) const;
  void copy_from_host(const void* host) const;
  // Must be called after writing to a weight's memory (the optimizer does), so that its packed forms are rebuilt.
  void touch() const;

  // Gradients (tensor/tape.h). Parameters require a gradient; while a tape records, the results of ops on them require one too.
  bool requires_grad() const;
  const Tensor& set_requires_grad(bool value) const;
  Tensor grad() const;  // empty before backward()
  void clear_grad() const;
  bool same_as(const Tensor& other) const { return impl_ == other.impl_; }

  struct Impl;
  Impl& impl() const { return *impl_; }

 private:
  explicit Tensor(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  void* host_data() const;
  std::shared_ptr<Impl> impl_;
};

inline const KernelTable& kernels_for(const Tensor& tensor) { return kernels_of(tensor.device()); }

// Runs body() as a section of the device's stream: calls inside may be asynchronous, and all of them are complete on return.
template <typename Body>
void in_stream(Device device, Body&& body) {
  const DeviceStream& stream = kernels_of(device).stream;
  stream.begin();
  try {
    body();
  } catch (...) {
    try {
      stream.wait();
    } catch (...) {  // the first error is reported
    }
    throw;
  }
  stream.wait();
}

// The floating-point type of a device's small statistics (log-sum-exp, means): f64 on the reference, else f32.
inline DType statistics_type(const Tensor& tensor) { return tensor.device() == Device::reference ? DType::f64 : DType::f32; }

// Tensors are allocated from a pool of freed blocks, so a training step makes no system allocation once its sizes have occurred.
struct MemoryStatistics {
  int64_t bytes_in_use = 0;    // held by live tensors
  int64_t bytes_reserved = 0;  // obtained from the system, in use or free for reuse
  int64_t bytes_peak = 0;      // largest bytes_in_use so far
  int64_t system_allocations = 0;
};
MemoryStatistics memory_statistics(Device device = Device::cpu);
void release_unused_memory(Device device = Device::cpu);  // returns free blocks to the system

}  // namespace qkv
