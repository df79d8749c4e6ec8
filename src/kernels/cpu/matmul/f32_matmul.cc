#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/matmul/f32_matmul.cc"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

#include "kernels/cpu/matmul/f32_matmul.h"

#define QKV_TARGET_BEGIN HWY_BEFORE_NAMESPACE();
#define QKV_TARGET_END HWY_AFTER_NAMESPACE();
#define QKV_TARGET_NAMESPACE HWY_NAMESPACE
#define QKV_TARGET_ATTRIBUTE HWY_ATTR
#include "kernels/cpu/matmul/blocked_product-inl.h"
#include "kernels/cpu/matmul/f32_unit-inl.h"
#undef QKV_TARGET_BEGIN
#undef QKV_TARGET_END
#undef QKV_TARGET_NAMESPACE
#undef QKV_TARGET_ATTRIBUTE

HWY_BEFORE_NAMESPACE();
namespace qkv::cpu::HWY_NAMESPACE {

int64_t f32_panel_width() { return F32Unit::kColumns; }
void f32_pack_b(const View& b, bool transpose_b, void* packed) { pack_b<F32Unit>(b, transpose_b, packed); }
void f32_matmul(const MatmulParams& p) { blocked_product<F32Unit>(p); }

}  // namespace qkv::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qkv::cpu {
HWY_EXPORT(f32_panel_width);
HWY_EXPORT(f32_pack_b);
HWY_EXPORT(f32_matmul);

int64_t f32_panel_width() { return HWY_DYNAMIC_DISPATCH(f32_panel_width)(); }
void f32_pack_b(const View& b, bool transpose_b, void* packed) { HWY_DYNAMIC_DISPATCH(f32_pack_b)(b, transpose_b, packed); }
void f32_matmul(const MatmulParams& p) { HWY_DYNAMIC_DISPATCH(f32_matmul)(p); }

}  // namespace qkv::cpu
#endif
