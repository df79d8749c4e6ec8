// The implementation behind Tensor, private to tensor/.
#pragma once

#include <mutex>

#include "tensor/tensor.h"

namespace qkv {

struct Storage {
  Storage(int64_t bytes, Device device);  // a block from the pool
  struct Growing {};
  Storage(Growing, Device device);  // growing memory, initially empty
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  // For growing storage: makes room for at least `bytes` bytes; `data` may change.
  void grow(int64_t bytes);

  void* data = nullptr;
  int64_t granted = 0;
  const Device device;
  bool grows = false;
  uint64_t version = 0;  // counts in-place changes, to detect outdated packed forms
};

struct Tensor::Impl {
  std::shared_ptr<Storage> storage;  // null while a weight exists only in packed form (tensor/weight_forms.h)
  int64_t offset = 0;                // in bytes
  Shape shape;
  int64_t numel = 0;
  DType dtype = DType::f32;
  Device device = Device::cpu;
  bool requires_grad = false;
  Tensor grad;
  // A weight packed for products, plain and transposed, each with its layout and the version of the values it was packed from.
  struct Packed {
    std::shared_ptr<Storage> storage;
    uint64_t version = 0;
    PackedLayout layout;
  } packed[2];
  std::mutex packing;  // held while a thread looks for a packed form and makes it
};

// Restores the dense form of a weight and keeps the packed one.
void make_dense(Tensor::Impl& impl);

}  // namespace qkv
