// A weight's values are stored as rows (dense) or packed for products in the layout named by PackedFormat. Training keeps the dense form,
// which the optimizer changes, and repacks it after each change. A weight that never changes is kept in one form.
#pragma once

#include "tensor/tensor.h"

namespace qkv {

// A weight as a factor of products: packed if the device packs, and then `dense` may be a shape without data.
struct ProductWeight {
  View dense;
  PackedMatrix packed;
};

// `weight` as matmul's b ([out, in] if `transpose`, as in x W^T), valid until the weight changes; rows_type is the type of the other
// factor. Threads that ask for one weight at once wait until the first has packed it.
ProductWeight product_weight(const Tensor& weight, bool transpose, DType rows_type);

// The weight as a lookup table: its rows, or the packed form of its product x W^T if only that exists.
ProductWeight table_weight(const Tensor& weight);

// Packs a weight that will not change and whose products are x W^T with rows of rows_type, and frees the dense form if the packed one
// preserves the values. A later request for the dense form restores it, and both forms stay.
void keep_packed(const Tensor& weight, DType rows_type);

// As keep_packed, from values of the weight's type that lie elsewhere in the host's memory, row by row, and without a dense form. Returns
// false, and does nothing, if the device does not pack, has memory of its own, or packing does not preserve the values.
bool pack_values(const Tensor& weight, const void* values, DType rows_type);

// Frees the values of a weight that has yet to be read.
void free_values(const Tensor& weight);
// Makes room for them again, uninitialized.
void allocate_values(const Tensor& weight);

}  // namespace qkv
