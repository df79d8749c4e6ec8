// The CPU's kernels: f32 and bf16 storage, f32 arithmetic, SIMD through Highway, one compiled copy per instruction set.
#pragma once

#include "kernels/kernel_table.h"

namespace qkv::cpu {

extern bool has_bf16_instructions;  // in the instruction set in use

void matmul(const MatmulParams&);
PackedLayout packed_layout(int64_t depth, int64_t columns, DType rows_type);
void pack(const PackParams&);
void unpack(const PackParams&);
// Rows ids[0], ids[1], … of a matrix that was packed transposed, back to back, in its type.
void unpack_rows(const PackedMatrix& packed, const int32_t* ids, int64_t count, const View& rows);
void column_sum(const ColumnSumParams&);
void activation(const ActivationParams&);
void activation_backward(const ActivationBackwardParams&);
void dropout_add(const DropoutAddParams&);
void copy(const CopyParams&);
void layer_norm(const LayerNormParams&);
void layer_norm_backward(const LayerNormBackwardParams&);
void gated_activation(const GatedActivationParams&);
void gated_activation_backward(const GatedActivationBackwardParams&);
void xielu(const XieluParams&);
void xielu_backward(const XieluBackwardParams&);
void clamp(const ClampParams&);
void clamp_backward(const ClampBackwardParams&);
void rope(const RopeParams&);
void embedding(const EmbeddingParams&);
void embedding_backward(const EmbeddingBackwardParams&);
void attention(const AttentionParams&);  // calls one of the kernels below
void attention_backward(const AttentionBackwardParams&);
void attention_composed(const AttentionParams&);
void attention_composed_backward(const AttentionBackwardParams&);
void attention_flash(const AttentionParams&);
void attention_flash_backward(const AttentionBackwardParams&);
void additive_attention(const AdditiveAttentionParams&);
void additive_attention_backward(const AdditiveAttentionBackwardParams&);
// With relative positions.
void attention_disentangled(const AttentionParams&);
void attention_disentangled_backward(const AttentionBackwardParams&);
void attention_disentangled_map(const AttentionMapParams&);
void attention_map(const AttentionMapParams&);  // calls attention_flash_map or the one in attention_bf16.h
void attention_flash_map(const AttentionMapParams&);
void gather_rows(const GatherRowsParams&);
void transpose(const TransposeParams&);
void recurrence(const RecurrenceParams&);
void recurrence_backward(const RecurrenceBackwardParams&);
void recurrent_step(const RecurrentStepParams&);
void cross_entropy(const CrossEntropyParams&);
void log_softmax(const LogSoftmaxParams&);
void sum_of_squares(const SumOfSquaresParams&);
void adamw(const AdamWParams&);

}  // namespace qkv::cpu
