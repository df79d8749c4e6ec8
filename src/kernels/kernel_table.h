// Every function a device offers. A null entry means "not on this device".
#pragma once

#include <string_view>
#include <vector>

#include "kernels/params.h"
#include "kernels/sequence_params.h"

namespace qkv {

struct KernelTable {
  const char* name;
  void (*matmul)(const MatmulParams&);
  // The layout that products with rows of type rows_type read, for a factor of [depth, columns]; null where the device packs nothing.
  PackedLayout (*packed_layout)(int64_t depth, int64_t columns, DType rows_type);
  // Writes op(b) as `layout` says; packed: layout.bytes() bytes, aligned to 64.
  void (*pack)(const View& b, bool transpose_b, const PackedLayout& layout, void* packed);
  void (*column_sum)(const ColumnSumParams&);
  void (*activation)(const ActivationParams&);
  void (*activation_backward)(const ActivationBackwardParams&);
  void (*dropout_add)(const DropoutAddParams&);
  void (*copy)(const CopyParams&);
  void (*layer_norm)(const LayerNormParams&);
  void (*layer_norm_backward)(const LayerNormBackwardParams&);
  void (*gated_activation)(const GatedActivationParams&);
  void (*gated_activation_backward)(const GatedActivationBackwardParams&);
  void (*rope)(const RopeParams&);
  void (*embedding)(const EmbeddingParams&);
  void (*embedding_backward)(const EmbeddingBackwardParams&);
  void (*attention)(const AttentionParams&);
  void (*attention_backward)(const AttentionBackwardParams&);
  void (*additive_attention)(const AdditiveAttentionParams&);
  void (*additive_attention_backward)(const AdditiveAttentionBackwardParams&);
  void (*attention_map)(const AttentionMapParams&);
  void (*gather_rows)(const GatherRowsParams&);
  void (*transpose)(const TransposeParams&);
  void (*recurrence)(const RecurrenceParams&);
  void (*recurrence_backward)(const RecurrenceBackwardParams&);
  void (*recurrent_step)(const RecurrentStepParams&);
  void (*cross_entropy)(const CrossEntropyParams&);
  void (*log_softmax)(const LogSoftmaxParams&);
  double (*sum_of_squares)(const View&);
  void (*adamw)(const AdamWParams&);
};

const KernelTable& cpu_kernels();        // f32 and bf16, SIMD
const KernelTable& reference_kernels();  // f64, plain loops: the oracle

// The instruction sets of the CPU kernels. `baseline` is plain x86-64.
enum class Isa { baseline, avx2, avx512, avx512_bf16, amx };
const char* name_of(Isa isa);
Isa parse_isa(std::string_view name);  // throws with the list of names
std::vector<Isa> available_isas();     // what this CPU and operating system have, weakest first
Isa current_isa();                     // the strongest one, or what QKV_ISA or set_isa chose
void set_isa(Isa isa);                 // throws where the CPU lacks it; not while kernels run

}  // namespace qkv
