#pragma once

namespace qkv::cpu {

void set_up_tile_registers();
void release_tile_registers();

// AMX's tile registers are set up for its lifetime, where the instruction set in use has them.
class TileRegisters {
 public:
  TileRegisters() { set_up_tile_registers(); }
  ~TileRegisters() { release_tile_registers(); }
  TileRegisters(const TileRegisters&) = delete;
  TileRegisters& operator=(const TileRegisters&) = delete;
};

}  // namespace qkv::cpu
