#include "kernels/cpu/matmul/bf16_matmul.h"

#include "kernels/cpu/vector/bf16_target.h"
#include "kernels/kernel_table.h"

#define QKV_TARGET_BEGIN QKV_BF16_BEGIN
#define QKV_TARGET_END QKV_BF16_END
#define QKV_TARGET_NAMESPACE native
#define QKV_TARGET_ATTRIBUTE
#include "kernels/cpu/matmul/bf16_units-inl.h"
#include "kernels/cpu/matmul/blocked_product-inl.h"

namespace qkv::cpu {

int64_t bf16_tiles_size(int64_t depth, int64_t columns) {
  return native::round_up_to_tiles(depth) * native::round_up_to_tiles(columns) * 2;
}

void bf16_pack_b(const View& b, bool transpose_b, void* packed) { native::pack_b<native::TileUnit>(b, transpose_b, packed); }

void bf16_matmul(const MatmulParams& p) {
  if (current_isa() == Isa::amx) return native::blocked_product<native::TileUnit>(p);
  native::blocked_product<native::DotUnit>(p);
}

}  // namespace qkv::cpu
