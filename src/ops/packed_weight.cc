#include "ops/packed_weight.h"

#include "tensor/tensor_impl.h"

namespace qkv {

PackedMatrix packed_weight(const Tensor& weight, bool transpose, DType rows_type) {
  const KernelTable& kernels = kernels_for(weight);
  if (!kernels.packed_layout) return {};
  const View view = weight.view();
  const PackedLayout layout = kernels.packed_layout(transpose ? view.cols : view.rows, transpose ? view.rows : view.cols, rows_type);
  const int64_t bytes = layout.bytes();
  if (bytes == 0) return {};
  auto& packed = weight.impl().packed[transpose];
  const uint64_t version = weight.version();
  if (!packed.storage || packed.version != version || packed.layout != layout) {
    if (!packed.storage || packed.storage->granted < bytes) packed.storage = std::make_shared<Storage>(bytes);
    kernels.pack(view, transpose, layout, packed.storage->data);
    packed.version = version;
    packed.layout = layout;
  }
  return {layout, packed.storage->data};
}

}  // namespace qkv
