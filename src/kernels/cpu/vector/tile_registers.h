#pragma once

namespace qkv::cpu {

void set_up_tile_registers();
void release_tile_registers();

// Configures AMX's tile registers for its lifetime, if the instruction set in use has them.
class TileRegisters {
 public:
  TileRegisters() { set_up_tile_registers(); }
  ~TileRegisters() { release_tile_registers(); }
  TileRegisters(const TileRegisters&) = delete;
  TileRegisters& operator=(const TileRegisters&) = delete;
};

}  // namespace qkv::cpu
