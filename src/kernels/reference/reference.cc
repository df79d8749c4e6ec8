#include "kernels/reference/reference.h"

#include "kernels/host_memory.h"

namespace qkv {

const KernelTable& reference_kernels() {
  static const KernelTable table{
      .name = "reference",
      .memory = host_memory(),
      .stream = host_stream(),
      .matmul = reference::matmul,
      .packed_layout = nullptr,
      .pack = nullptr,
      .unpack = nullptr,
      .column_sum = reference::column_sum,
      .activation = reference::activation,
      .activation_backward = reference::activation_backward,
      .dropout_add = reference::dropout_add,
      .copy = reference::copy,
      .layer_norm = reference::layer_norm,
      .layer_norm_backward = reference::layer_norm_backward,
      .gated_activation = reference::gated_activation,
      .gated_activation_backward = reference::gated_activation_backward,
      .xielu = reference::xielu,
      .xielu_backward = reference::xielu_backward,
      .clamp = reference::clamp,
      .clamp_backward = reference::clamp_backward,
      .rope = reference::rope,
      .embedding = reference::embedding,
      .embedding_backward = reference::embedding_backward,
      .attention = reference::attention,
      .attention_backward = reference::attention_backward,
      .additive_attention = reference::additive_attention,
      .additive_attention_backward = reference::additive_attention_backward,
      .attention_map = reference::attention_map,
      .gather_rows = reference::gather_rows,
      .transpose = reference::transpose,
      .recurrence = reference::recurrence,
      .recurrence_backward = reference::recurrence_backward,
      .recurrent_step = reference::recurrent_step,
      .cross_entropy = reference::cross_entropy,
      .log_softmax = reference::log_softmax,
      .sum_of_squares = reference::sum_of_squares,
      .adamw = reference::adamw,
  };
  return table;
}

}  // namespace qkv
