// What a Tensor points to. Only tensor/ looks inside.
#pragma once

#include "tensor/tensor.h"

namespace qkv {

struct Storage {
  Storage(int64_t bytes, Device device);  // a block of the pool
  struct Growing {};
  Storage(Growing, Device device);  // memory that grows, none at first
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  // Of pages that grow: at least so many bytes; data may be elsewhere afterwards.
  void grow(int64_t bytes);

  void* data = nullptr;
  int64_t granted = 0;
  const Device device;
  bool grows = false;
  uint64_t version = 0;  // counts changes in place, so that what was derived from the content can be renewed
};

struct Tensor::Impl {
  std::shared_ptr<Storage> storage;  // null while a weight lives in packed form alone (tensor/weight_forms.h)
  int64_t offset = 0;                // bytes
  Shape shape;
  int64_t numel = 0;
  DType dtype = DType::f32;
  Device device = Device::cpu;
  bool requires_grad = false;
  Tensor grad;
  // A weight in the forms that products read, plain and transposed, each with what it was packed from and for.
  struct Packed {
    std::shared_ptr<Storage> storage;
    uint64_t version = 0;
    PackedLayout layout;
  } packed[2];
};

// Brings the dense form of a weight back. The packed one stays beside it.
void make_dense(Tensor::Impl& impl);

}  // namespace qkv
