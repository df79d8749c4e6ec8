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

enum class Device : uint8_t { cpu, reference };

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
  void* data() const;
  template <typename T>
  T* as() const {
    return static_cast<T*>(data());
  }
  View view() const;  // [rows, cols]; empty for an empty Tensor
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
  // Whoever writes into a weight's memory (the optimizer) says so: what was packed from it is made anew.
  void touch() const;
  uint64_t version() const;

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
  std::shared_ptr<Impl> impl_;
};

const KernelTable& kernels_for(const Tensor& tensor);

// The floating-point type of a device's small statistics (log-sum-exp, means): f64 on the reference, else f32.
inline DType statistics_type(const Tensor& tensor) { return tensor.device() == Device::reference ? DType::f64 : DType::f32; }

// Memory for tensors comes from a pool of freed blocks, so a training step allocates nothing once its sizes have been seen.
struct MemoryStatistics {
  int64_t bytes_in_use = 0;    // by live tensors
  int64_t bytes_reserved = 0;  // taken from the system, in use or waiting to be reused
  int64_t bytes_peak = 0;      // largest bytes_in_use so far
  int64_t system_allocations = 0;
};
MemoryStatistics memory_statistics();
void release_unused_memory();  // gives waiting blocks back to the system

}  // namespace qkv
