// A weight's values lie in memory as rows (dense) or packed as products read them; a format's name says how (PackedFormat). Training keeps
// the dense form, which the optimizer changes, and packs it after each change. A weight that nobody changes keeps one form.
#pragma once

#include "tensor/tensor.h"

namespace qkv {

// A weight as a factor of products: packed where the device packs, and then `dense` may be a shape without data.
struct ProductWeight {
  View dense;
  PackedMatrix packed;
};

// `weight` as matmul's b ([out, in] where transpose, as in x W^T). Valid until the weight changes; rows_type is the type of the other
// factor. Not for weights that several threads pack at once.
ProductWeight product_weight(const Tensor& weight, bool transpose, DType rows_type);

// The weight as a table of rows to look up: as rows, or the packed form of its product x W^T where that is the only one.
ProductWeight table_weight(const Tensor& weight);

// For a weight that nobody will change and whose products are x W^T with rows of rows_type: packs it and frees the dense form, where the
// packed one keeps the values. Whoever asks for the dense form nevertheless gets it made again, and both stay.
void keep_packed(const Tensor& weight, DType rows_type);

}  // namespace qkv
