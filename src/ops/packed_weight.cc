#include "ops/packed_weight.h"

#include "tensor/tensor_impl.h"

namespace qkv {

const void* packed_weight(const Tensor& weight, bool transpose, DType rows_type) {
  const KernelTable& kernels = kernels_for(weight);
  if (!kernels.packed_matmul_b_size) return nullptr;
  const int64_t bytes = kernels.packed_matmul_b_size(weight.view(), transpose, rows_type);
  if (bytes == 0) return nullptr;
  auto& packed = weight.impl().packed[transpose];
  const uint64_t version = weight.version();
  if (packed.storage && packed.version == version && packed.isa == current_isa() && packed.rows_type == rows_type)
    return packed.storage->data;
  if (!packed.storage || packed.storage->granted < bytes) packed.storage = std::make_shared<Storage>(bytes);
  kernels.pack_matmul_b(weight.view(), transpose, rows_type, packed.storage->data);
  packed.version = version;
  packed.isa = current_isa();
  packed.rows_type = rows_type;
  return packed.storage->data;
}

}  // namespace qkv
