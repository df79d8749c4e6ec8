// The oracle: every kernel in double with plain loops that read like the formula. Tensors on Device::reference are f64.
#pragma once

#include "kernels/kernel_table.h"

namespace qkv::reference {

inline double& at(const View& x, int64_t row, int64_t col) { return x.row<double>(row)[col]; }
inline double& at(const View& vector, int64_t i) { return vector.as<double>()[i]; }

double activate(Activation activation, double x);
double activation_slope(Activation activation, double x);

void matmul(const MatmulParams&);
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
void attention(const AttentionParams&);
void attention_backward(const AttentionBackwardParams&);
void additive_attention(const AdditiveAttentionParams&);
void additive_attention_backward(const AdditiveAttentionBackwardParams&);
void attention_map(const AttentionMapParams&);
void gather_rows(const GatherRowsParams&);
void transpose(const TransposeParams&);
void recurrence(const RecurrenceParams&);
void recurrence_backward(const RecurrenceBackwardParams&);
void recurrent_step(const RecurrentStepParams&);
void cross_entropy(const CrossEntropyParams&);
void log_softmax(const LogSoftmaxParams&);
void sum_of_squares(const SumOfSquaresParams&);
void adamw(const AdamWParams&);

}  // namespace qkv::reference
