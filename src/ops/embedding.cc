#include "ops/ops.h"
#include "tensor/device_indices.h"
#include "tensor/weight_forms.h"

namespace qkv {
namespace {

void check_ids(std::span<const int32_t> ids, int64_t bound, const char* what) {
  for (size_t i = 0; i < ids.size(); ++i) {
    QKV_CHECK(ids[i] >= 0 && ids[i] < bound, "[embedding] {} {} at row {} is outside of 0 to {}", what, ids[i], i, bound - 1);
  }
}

}  // namespace

Tensor embedding(std::span<const int32_t> ids, const Tensor& table, const Tensor& positions, std::span<const int32_t> position_of,
                 float scale, DType dtype, const DropoutParams& dropout) {
  check_ids(ids, table.rows(), "id");
  if (positions) {
    QKV_CHECK(position_of.size() == ids.size(), "[embedding] {} positions for {} ids", position_of.size(), ids.size());
    check_ids(position_of, positions.rows(), "position");
  }
  Tensor y = Tensor::empty({static_cast<int64_t>(ids.size()), table.cols()}, dtype, table.device());
  const DeviceIndices ids_there(ids, table.device()), positions_there(position_of, table.device());
  const auto [dense, packed] = table_weight(table);
  kernels_for(table).embedding({.ids = ids_there.data(),
                                .table = dense,
                                .packed_table = packed,
                                .positions = positions.view(),
                                .position_of = positions_there.data(),
                                .scale = scale,
                                .y = y.view(),
                                .dropout = dropout});
  if (wants_gradient({table, positions})) {
    auto kept_ids = std::make_shared<std::vector<int32_t>>(ids.begin(), ids.end());
    auto kept_positions = std::make_shared<std::vector<int32_t>>(position_of.begin(), position_of.end());
    record(y, {table, positions}, [=](const Tensor& dy) {
      const DeviceIndices ids_there(*kept_ids, table.device()), positions_there(*kept_positions, table.device());
      kernels_for(table).embedding_backward({.ids = ids_there.data(),
                                             .position_of = positions_there.data(),
                                             .dy = dy.view(),
                                             .dtable = gradient_sum(table),
                                             .dpositions = positions ? gradient_sum(positions) : View{},
                                             .scale = scale,
                                             .dropout = dropout});
    });
  }
  return y;
}

// Selection is an embedding lookup with x as the table.
Tensor select_rows(const Tensor& x, std::span<const int32_t> rows) { return embedding(rows, x, {}, {}, 1, x.dtype()); }

}  // namespace qkv
