#include "tensor/weight_forms.h"

#include "base/parallel.h"
#include "tensor/tensor_impl.h"

namespace qkv {
namespace {

View shape_of(const Tensor& weight) { return {nullptr, weight.rows(), weight.cols(), weight.cols(), weight.dtype()}; }

View dense_or_shape(const Tensor& weight) { return weight.impl().storage ? weight.view() : shape_of(weight); }

// The layout preferred by the device's products; zero bytes if the device does not pack.
PackedLayout layout_of(const Tensor& weight, bool transpose, DType rows_type) {
  const KernelTable& kernels = kernels_for(weight);
  const View shape = shape_of(weight);
  if (!kernels.packed_layout) return {};
  return kernels.packed_layout(transpose ? shape.cols : shape.rows, transpose ? shape.rows : shape.cols, rows_type);
}

PackedMatrix matrix_of(const Tensor::Impl::Packed& packed) { return {packed.layout, packed.storage->data}; }

}  // namespace

ProductWeight product_weight(const Tensor& weight, bool transpose, DType rows_type) {
  const PackedLayout layout = layout_of(weight, transpose, rows_type);
  const int64_t bytes = layout.bytes();
  if (bytes == 0) return {weight.view(), {}};
  Tensor::Impl& impl = weight.impl();
  const ParallelLock lock(impl.packing);
  Tensor::Impl::Packed& packed = impl.packed[transpose];
  const bool fresh = packed.storage && packed.layout == layout && (!impl.storage || packed.version == impl.storage->version);
  if (!fresh) {
    const View dense = weight.view();  // first: it may be unpacked from the packed form that is replaced below
    if (!packed.storage || packed.storage->granted < bytes) packed.storage = std::make_shared<Storage>(bytes, weight.device());
    kernels_for(weight).pack({dense, transpose, layout, packed.storage->data});
    packed.version = impl.storage->version;
    packed.layout = layout;
  }
  return {dense_or_shape(weight), matrix_of(packed)};
}

ProductWeight table_weight(const Tensor& weight) {
  Tensor::Impl& impl = weight.impl();
  const ParallelLock lock(impl.packing);
  if (impl.storage || !impl.packed[1].storage) return {weight.view(), {}};
  return {shape_of(weight), matrix_of(impl.packed[1])};
}

void keep_packed(const Tensor& weight, DType rows_type) {
  const PackedLayout layout = layout_of(weight, true, rows_type);
  if (layout.bytes() == 0 || !packed_keeps(layout.format, weight.dtype())) return;
  product_weight(weight, true, rows_type);
  weight.impl().packed[0] = {};
  weight.impl().storage = nullptr;
}

bool pack_values(const Tensor& weight, const void* values, DType rows_type) {
  const KernelTable& kernels = kernels_for(weight);
  const PackedLayout layout = layout_of(weight, true, rows_type);
  const int64_t bytes = layout.bytes();
  if (bytes == 0 || !kernels.memory.shared_with_host || !packed_keeps(layout.format, weight.dtype())) return false;
  Tensor::Impl& impl = weight.impl();
  View dense = shape_of(weight);
  dense.data = const_cast<void*>(values);  // packing only reads it
  Tensor::Impl::Packed& packed = impl.packed[1];
  packed.storage = std::make_shared<Storage>(bytes, weight.device());
  kernels.pack({dense, true, layout, packed.storage->data});
  packed.version = impl.storage ? impl.storage->version : 0;
  packed.layout = layout;
  impl.packed[0] = {};
  impl.storage = nullptr;
  return true;
}

void free_values(const Tensor& weight) { weight.impl().storage = nullptr; }

void allocate_values(const Tensor& weight) {
  Tensor::Impl& impl = weight.impl();
  impl.storage = std::make_shared<Storage>(impl.numel * size_of(impl.dtype), impl.device);
  impl.offset = 0;
}

void make_dense(Tensor::Impl& impl) {
  const bool transpose = impl.packed[1].storage != nullptr;
  const Tensor::Impl::Packed& packed = impl.packed[transpose];
  if (!packed.storage) fail(ErrorCode::internal, "[weight] a weight of shape {} without values", to_string(impl.shape));
  impl.storage = std::make_shared<Storage>(impl.numel * size_of(impl.dtype), impl.device);
  impl.storage->version = packed.version;
  impl.offset = 0;
  const int64_t cols = impl.shape.back(), rows = cols == 0 ? 0 : impl.numel / cols;
  kernels_of(impl.device).unpack({{impl.storage->data, rows, cols, cols, impl.dtype}, transpose, packed.layout, packed.storage->data});
}

}  // namespace qkv
