// Code between QKV_BF16_BEGIN and QKV_BF16_END is compiled for AVX-512 with bf16, VBMI and VBMI2, as Isa::avx512_bf16 requires. Include
// other headers outside of it: their inline functions must run on any CPU.
#pragma once

// GCC 12 warns of values that its own intrinsics leave undefined on purpose.
#ifndef __clang__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#else
#include <immintrin.h>
#endif

#define QKV_BF16_PRAGMA(text) _Pragma(#text)
#ifdef __clang__
#define QKV_BF16_BEGIN                                                                                                                    \
  QKV_BF16_PRAGMA(clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,avx512bf16,avx2," \
                                                             "fma,bmi,bmi2,f16c,popcnt,lzcnt,amx-tile,amx-bf16"))),                       \
                                       apply_to = function))
#define QKV_BF16_END _Pragma("clang attribute pop")
#else
#define QKV_BF16_BEGIN                                    \
  _Pragma("GCC push_options") QKV_BF16_PRAGMA(GCC target( \
      "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,avx512bf16,avx2,fma,bmi,bmi2,f16c,popcnt,lzcnt,amx-tile,amx-bf16"))
#define QKV_BF16_END _Pragma("GCC pop_options")
#endif
