// What a Tensor points to. Only tensor/ and the ops that keep packed weights look inside.
#pragma once

#include "tensor/tensor.h"

namespace qkv {

struct Storage {
  explicit Storage(int64_t bytes);  // a block of the pool
  struct Growing {};
  explicit Storage(Growing);  // pages that grow, none at first
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  // Of pages that grow: at least so many bytes; data may be elsewhere afterwards.
  void grow(int64_t bytes);

  void* data = nullptr;
  int64_t granted = 0;
  bool grows = false;
  uint64_t version = 0;  // counts changes in place, so that what was derived from the content can be renewed
};

struct Tensor::Impl {
  std::shared_ptr<Storage> storage;
  int64_t offset = 0;  // bytes
  Shape shape;
  int64_t numel = 0;
  DType dtype = DType::f32;
  Device device = Device::cpu;
  bool requires_grad = false;
  Tensor grad;
  // A weight packed for matmul as b, plain and transposed, with what it was packed from and for.
  struct Packed {
    std::shared_ptr<Storage> storage;
    uint64_t version = 0;
    PackedLayout layout;
  } packed[2];
};

}  // namespace qkv
