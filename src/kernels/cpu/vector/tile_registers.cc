#include "kernels/cpu/vector/tile_registers.h"

#include <cstdint>

#include "kernels/cpu/vector/bf16_target.h"
#include "kernels/kernel_table.h"

QKV_BF16_BEGIN
namespace qkv::cpu {
namespace {

// Eight tiles of 16 rows of 64 bytes (Intel SDM, LDTILECFG).
struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
constexpr TileConfig kConfig;

}  // namespace

void set_up_tile_registers() {
  if (current_isa() == Isa::amx) _tile_loadconfig(&kConfig);
}
void release_tile_registers() {
  if (current_isa() == Isa::amx) _tile_release();
}

}  // namespace qkv::cpu
QKV_BF16_END
