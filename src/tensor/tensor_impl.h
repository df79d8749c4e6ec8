// What a Tensor points to. Only tensor/ and the ops that keep packed weights look inside.
#pragma once

#include "tensor/tensor.h"

namespace qkv {

struct Storage {
  explicit Storage(int64_t bytes);  // a block of the pool
  struct Pages {};
  explicit Storage(Pages);  // pages of its own, none at first (growing_rows.cc)
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  // Makes the pages `bytes` bytes long; data may move to another address with its content.
  void grow_pages(int64_t bytes);

  void* data = nullptr;
  int64_t granted = 0;
  bool pages = false;
  uint64_t version = 0;  // counts changes in place, so that what was derived from the content can be renewed

 private:
  void free_pages() noexcept;
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
