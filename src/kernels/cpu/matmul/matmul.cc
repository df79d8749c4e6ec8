#include "kernels/cpu/matmul/matmul.h"

#include "base/error.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/matmul/bf16_matmul.h"
#include "kernels/cpu/matmul/f32_matmul.h"

namespace qkv {

int64_t PackedLayout::bytes() const {
  switch (format) {
    case PackedFormat::f32_panels: return (columns + width - 1) / width * width * depth * 4;
    case PackedFormat::bf16_tiles: return cpu::bf16_tiles_size(depth, columns);
    default: return 0;
  }
}

namespace cpu {
namespace {

MatmulProgram program_of_rows(DType type) {
  if (type != DType::bf16 || current_isa() < Isa::avx512_bf16) return MatmulProgram::f32;
  return current_isa() == Isa::amx ? MatmulProgram::bf16_tiles : MatmulProgram::bf16_dots;
}

// Product and activation in two passes.
void product_and_activation(const MatmulParams& p) {
  MatmulParams product = p;
  product.activation = Activation::none;
  product.activated = product.before = {};
  matmul(product);
  if (p.before) {
    activation_backward({.x = p.before, .dy = p.out, .dx = p.out, .activation = p.activation, .y = p.activated});
  } else {
    activation({.x = p.out, .y = p.activated ? p.activated : p.out, .activation = p.activation});
  }
}

}  // namespace

MatmulProgram program_of(const MatmulParams& p) {
  const MatmulProgram program = program_of_rows(p.a.dtype);
  // Dot products take 32 tokens at a time; for fewer, f32 vectors are faster (4 tokens, 512 x 512: 141 against 49 GFLOP/s).
  return program == MatmulProgram::bf16_dots && p.transpose_a && p.a.rows <= 12 ? MatmulProgram::f32 : program;
}

PackedLayout packed_layout(int64_t depth, int64_t columns, DType rows_type) {
  const bool bf16 = program_of_rows(rows_type) != MatmulProgram::f32;
  return {.format = bf16 ? PackedFormat::bf16_tiles : PackedFormat::f32_panels,
          .width = static_cast<int32_t>(bf16 ? 32 : f32_panel_width()),
          .depth = depth,
          .columns = columns};
}

void pack(const PackParams& p) {
  if (p.layout.format == PackedFormat::bf16_tiles) return bf16_pack_b(p.b, p.transpose_b, p.packed);
  QKV_CHECK(p.layout.format == PackedFormat::f32_panels && p.layout.width == f32_panel_width(), "[pack] panels of {} columns; {} has {}",
            p.layout.width, name_of(current_isa()), f32_panel_width());
  f32_pack_b(p.b, p.transpose_b, p.packed);
}

void matmul(const MatmulParams& p) {
  if (p.out.rows == 0 || p.out.cols == 0) return;
  QKV_CHECK(!p.packed_b || p.packed_b.layout == packed_layout(p.transpose_a ? p.a.rows : p.a.cols, p.out.cols, p.a.dtype),
            "[matmul] weights were packed for another instruction set, type or shape than {} rows of {} on {}", name_of(p.a.dtype),
            p.a.cols, name_of(current_isa()));
  if (program_of(p) != MatmulProgram::f32) return bf16_activates(p) ? bf16_matmul(p) : product_and_activation(p);
  if (p.activated || p.before) return product_and_activation(p);
  f32_matmul(p);
}

}  // namespace cpu
}  // namespace qkv
