// The device's memory that a kernel's parameters name: `body(pointer, bytes)` for each view and each list of indices.
#pragma once

#include <initializer_list>

#include "kernels/kernel_table.h"

namespace qkv {

template <typename Body>
void for_views(std::initializer_list<View> views, Body&& body) {
  for (const View& view : views) {
    if (view.rows > 0 && view.cols > 0) body(view.data, ((view.rows - 1) * view.stride + view.cols) * size_of(view.dtype));
  }
}
template <typename Body>
void for_each_pointer(const PackedMatrix& packed, Body&& body) {
  body(packed.data, packed.layout.bytes());
}
template <typename Body>
void for_indices(const int32_t* indices, int64_t count, Body&& body) {
  body(indices, count * static_cast<int64_t>(sizeof(int32_t)));
}
template <typename Body>
void for_each_pointer(const SegmentView& segments, Body&& body) {
  for_indices(segments.begin, segments.count, body);
  for_indices(segments.length, segments.count, body);
  for_indices(segments.index, 1, body);  // how many there are is written in the device's memory
}

template <typename Body>
void for_each_pointer(const MatmulParams& p, Body&& body) {
  for_views({p.a, p.b, p.out, p.bias, p.activated, p.before, p.a_sums}, body);
  for_each_pointer(p.packed_b, body);
}
template <typename Body>
void for_each_pointer(const PackParams& p, Body&& body) {
  for_views({p.b}, body);
  body(p.packed, p.layout.bytes());
}
template <typename Body>
void for_each_pointer(const ColumnSumParams& p, Body&& body) {
  for_views({p.x, p.out}, body);
}
template <typename Body>
void for_each_pointer(const ActivationParams& p, Body&& body) {
  for_views({p.x, p.y}, body);
}
template <typename Body>
void for_each_pointer(const ActivationBackwardParams& p, Body&& body) {
  for_views({p.x, p.dy, p.dx, p.y}, body);
}
template <typename Body>
void for_each_pointer(const DropoutAddParams& p, Body&& body) {
  for_views({p.x, p.residual, p.sum}, body);
}
template <typename Body>
void for_each_pointer(const CopyParams& p, Body&& body) {
  for_views({p.x, p.out}, body);
}
template <typename Body>
void for_each_pointer(const LayerNormParams& p, Body&& body) {
  for_views({p.x, p.weight, p.bias, p.y, p.mean, p.inverse_deviation}, body);
}
template <typename Body>
void for_each_pointer(const LayerNormBackwardParams& p, Body&& body) {
  for_views({p.x, p.weight, p.mean, p.inverse_deviation, p.dy, p.dx, p.dweight, p.dbias}, body);
}
template <typename Body>
void for_each_pointer(const XieluParams& p, Body&& body) {
  for_views({p.x, p.y, p.alpha_p, p.alpha_n, p.beta, p.epsilon}, body);
}
template <typename Body>
void for_each_pointer(const XieluBackwardParams& p, Body&& body) {
  for_each_pointer(p.forward, body);
  for_views({p.dy, p.dx, p.dalpha_p, p.dalpha_n}, body);
}
template <typename Body>
void for_each_pointer(const ClampParams& p, Body&& body) {
  for_views({p.x, p.y}, body);
}
template <typename Body>
void for_each_pointer(const ClampBackwardParams& p, Body&& body) {
  for_views({p.x, p.dy, p.dx}, body);
}
template <typename Body>
void for_each_pointer(const GatedActivationParams& p, Body&& body) {
  for_views({p.gate, p.up, p.y}, body);
}
template <typename Body>
void for_each_pointer(const GatedActivationBackwardParams& p, Body&& body) {
  for_views({p.gate, p.up, p.dy, p.dgate, p.dup}, body);
}
template <typename Body>
void for_each_pointer(const RopeParams& p, Body&& body) {
  for_views({p.x, p.y, p.cosines, p.sines}, body);
  for_indices(p.position_of, p.x.rows, body);
}
template <typename Body>
void for_each_pointer(const EmbeddingParams& p, Body&& body) {
  for_views({p.table, p.positions, p.y}, body);
  for_each_pointer(p.packed_table, body);
  for_indices(p.ids, p.y.rows, body);
  for_indices(p.position_of, p.positions ? p.y.rows : 0, body);
}
template <typename Body>
void for_each_pointer(const EmbeddingBackwardParams& p, Body&& body) {
  for_views({p.dy, p.dtable, p.dpositions}, body);
  for_indices(p.ids, p.dy.rows, body);
  for_indices(p.position_of, p.dpositions ? p.dy.rows : 0, body);
}
template <typename Body>
void for_each_pointer(const AttentionParams& p, Body&& body) {
  for_views({p.q, p.k, p.v, p.out, p.out_rest, p.log_sum_exp, p.distance_bias, p.relative_keys, p.relative_queries}, body);
  for_indices(p.relative_row, p.relative_row ? 2 * p.relative_origin + 1 : 0, body);
  for_each_pointer(p.queries, body);
  for_each_pointer(p.keys, body);
}
template <typename Body>
void for_each_pointer(const AttentionBackwardParams& p, Body&& body) {
  for_each_pointer(p.forward, body);
  for_views({p.dout, p.dq, p.dk, p.dv, p.d_distance_bias, p.d_relative_keys, p.d_relative_queries}, body);
}
template <typename Body>
void for_each_pointer(const AdditiveAttentionParams& p, Body&& body) {
  for_each_pointer(p.attention, body);
  for_views({p.weight}, body);
}
template <typename Body>
void for_each_pointer(const AdditiveAttentionBackwardParams& p, Body&& body) {
  for_each_pointer(p.attention, body);
  for_views({p.weight, p.dweight}, body);
}
template <typename Body>
void for_each_pointer(const AttentionMapParams& p, Body&& body) {
  for_each_pointer(p.forward, body);
  for_views({p.weights}, body);
}
template <typename Body>
void for_each_pointer(const GatherRowsParams& p, Body&& body) {
  for_views({p.x, p.out}, body);
  for_indices(p.index, p.out.rows * p.width, body);
}
template <typename Body>
void for_each_pointer(const TransposeParams& p, Body&& body) {
  for_views({p.x, p.out}, body);
}
template <typename Body>
void for_each_pointer(const RecurrenceParams& p, Body&& body) {
  for_views({p.gates, p.weight, p.bias, p.out, p.memory}, body);
  for_each_pointer(p.steps, body);
}
template <typename Body>
void for_each_pointer(const RecurrenceBackwardParams& p, Body&& body) {
  for_each_pointer(p.forward, body);
  for_views({p.dout, p.dgates, p.dhidden}, body);
}
template <typename Body>
void for_each_pointer(const RecurrentStepParams& p, Body&& body) {
  for_views({p.from_input, p.from_hidden, p.h, p.c}, body);
}
template <typename Body>
void for_each_pointer(const CrossEntropyParams& p, Body&& body) {
  for_views({p.hidden, p.table, p.bias, p.sums, p.dhidden, p.dtable, p.dbias}, body);
  for_each_pointer(p.packed_table, body);
  for_each_pointer(p.packed_table_t, body);
  for_indices(p.targets, p.hidden.rows, body);
}
template <typename Body>
void for_each_pointer(const LogSoftmaxParams& p, Body&& body) {
  for_views({p.x}, body);
}
template <typename Body>
void for_each_pointer(const SumOfSquaresParams& p, Body&& body) {
  for_views({p.x, p.sum}, body);
}
template <typename Body>
void for_each_pointer(const AdamWParams& p, Body&& body) {
  for_views({p.weight, p.gradient, p.m, p.v, p.average}, body);
}

}  // namespace qkv
