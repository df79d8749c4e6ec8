// A tensor: shared, typed memory with a shape, and the gradient that belongs to it. Copies of a Tensor are the same tensor.
// Activations are [tokens, hidden]; every tensor is row-major and contiguous.
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
  int64_t dim(int64_t index) const;  // negative from the end
  int64_t numel() const;
  int64_t cols() const { return dim(-1); }
  int64_t rows() const { return cols() == 0 ? 0 : numel() / cols(); }  // all but the last dimension
  DType dtype() const;
  Device device() const;
  View view() const;  // [rows, cols], for kernels; empty for an empty Tensor
  // The values, for code that only ever runs on devices which share the host's memory (the CPU's alone): throws on others. Whatever runs
  // on all devices takes tensor/host_values.h.
  template <typename T>
  T* host() const {
    return static_cast<T*>(host_data());
  }
  // Rows [begin, begin + count) as a tensor that shares this one's memory.
  Tensor row_range(int64_t begin, int64_t count) const;
  // The same memory with another shape of as many values, outside the tape.
  Tensor reshaped(Shape shape) const;

  // A copy with another type or device, outside the tape.
  Tensor to(DType dtype, Device device) const;
  Tensor to(DType dtype) const { return to(dtype, device()); }
  std::vector<float> to_vector() const;
  void copy_from(const Tensor& other) const;  // same shape; converts
  void fill(float value) const;
  // All bytes, to and from memory of the host.
  void copy_to_host(void* host) const;
  void copy_from_host(const void* host) const;
  // Whoever writes into a weight's memory (the optimizer) says so: what was packed from it is made anew.
  void touch() const;

  // Gradients (tensor/tape.h). A parameter asks for one; what ops make of it inherits that while a tape records.
  bool requires_grad() const;
  const Tensor& set_requires_grad(bool value) const;
  Tensor grad() const;  // empty before backward
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

// Runs body() as a section of the device's stream: its calls may return before they have run, until the end of the body.
template <typename Body>
void in_stream(Device device, Body&& body) {
  const DeviceStream& stream = kernels_of(device).stream;
  stream.begin();
  try {
    body();
  } catch (...) {
    try {
      stream.wait();
    } catch (...) {  // the first error counts
    }
    throw;
  }
  stream.wait();
}

// The floating-point type of a device's small statistics (log-sum-exp, means): f64 on the reference, else f32.
inline DType statistics_type(const Tensor& tensor) { return tensor.device() == Device::reference ? DType::f64 : DType::f32; }

// Memory for tensors comes from a pool of freed blocks, so a training step allocates nothing once its sizes have been seen.
struct MemoryStatistics {
  int64_t bytes_in_use = 0;    // by live tensors
  int64_t bytes_reserved = 0;  // taken from the system, in use or waiting to be reused
  int64_t bytes_peak = 0;      // largest bytes_in_use so far
  int64_t system_allocations = 0;
};
MemoryStatistics memory_statistics(Device device = Device::cpu);
void release_unused_memory(Device device = Device::cpu);  // gives waiting blocks back to the system

}  // namespace qkv
