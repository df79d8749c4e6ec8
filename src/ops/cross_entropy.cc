#include "ops/ops.h"
#include "tensor/device_indices.h"
#include "tensor/host_values.h"
#include "tensor/weight_forms.h"

namespace qkv {

CrossEntropyResult linear_cross_entropy(const Tensor& hidden, const Tensor& table, const Tensor& bias, std::span<const int32_t> targets,
                                        float label_smoothing, float scale, float softcap) {
  QKV_CHECK(table.cols() == hidden.cols(), "[cross_entropy] the output layer is {}, hidden rows have {} values", to_string(table.shape()),
            hidden.cols());
  QKV_CHECK(static_cast<int64_t>(targets.size()) == hidden.rows(), "[cross_entropy] {} targets for {} rows", targets.size(), hidden.rows());
  for (size_t i = 0; i < targets.size(); ++i) {
    QKV_CHECK(targets[i] >= 0 && targets[i] < table.rows(), "[cross_entropy] target {} at row {} is outside of 0 to {}", targets[i], i,
              table.rows() - 1);
  }
  const Tensor sums = Tensor::empty({2}, DType::f64, hidden.device());
  const DeviceIndices targets_there(targets, hidden.device());
  const auto [dense, packed] = product_weight(table, true, hidden.dtype());
  CrossEntropyParams params{.hidden = hidden.view(),
                            .table = dense,
                            .bias = bias.view(),
                            .targets = targets_there.data(),
                            .label_smoothing = label_smoothing,
                            .scale = scale,
                            .sums = sums.view(),
                            .dhidden = {},
                            .dtable = {},
                            .dbias = {},
                            .packed_table = packed,
                            .softcap = softcap};
  // The gradient is computed in the same pass, while a chunk of logits is in the cache; so the loss must be the last node of the tape.
  const bool training = wants_gradient({hidden, table, bias});
  Tensor dhidden;
  if (training) {
    dhidden = Tensor::empty(hidden.shape(), hidden.dtype(), hidden.device());
    params.dhidden = dhidden.view();
    params.dtable = gradient_sum(table);
    if (wants_gradient({bias})) params.dbias = gradient_sum(bias);
    params.packed_table_t = product_weight(table, false, hidden.dtype()).packed;
  }
  kernels_for(hidden).cross_entropy(params);
  const HostValues<double> sum(sums);
  const CrossEntropyResult result{Tensor::empty({1}, statistics_type(hidden), hidden.device()), sum[0], sum[1]};
  const auto put = [&](auto* loss) { *loss = static_cast<std::remove_pointer_t<decltype(loss)>>(sum[0] * scale); };
  if (result.loss.dtype() == DType::f64) {
    write_on_host<double>(result.loss, Before::anything, put);
  } else {
    write_on_host<float>(result.loss, Before::anything, put);
  }
  if (training) {
    record(result.loss, {hidden, table, bias}, [=](const Tensor&) { add_gradient(hidden, dhidden); });
  }
  return result;
}

void log_softmax_in_place(const Tensor& x) { kernels_for(x).log_softmax({x.view()}); }

}  // namespace qkv
