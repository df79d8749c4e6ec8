// Convolution as a matrix product: the windows of a slab of rows are gathered into the rows of one matrix. The gradient of x is the
// convolution of dy with the mirrored weight.
#include "ops/ops.h"
#include "tensor/device_indices.h"
#include "tensor/weight_forms.h"

namespace qkv {
namespace {

constexpr int64_t kSlab = 1024;  // rows whose windows are gathered at a time: 6 MiB for 512 columns and a width of 3

// Row index of each window element of each row, -1 outside the sequence. [tokens, width]
std::vector<int32_t> windows(const Segments& segments, int64_t width, const ConvolutionOptions& options, bool mirrored) {
  const int64_t reach = (width - 1) * options.dilation, left = options.causal ? reach : reach / 2;
  std::vector<int32_t> index;
  index.reserve(static_cast<size_t>(segments.tokens() * width));
  for (int64_t i = 0; i < segments.count(); ++i) {
    for (int64_t t = 0; t < segments.length(i); ++t) {
      for (int64_t w = 0; w < width; ++w) {
        const int64_t offset = w * options.dilation - left, at = mirrored ? t - offset : t + offset;
        index.push_back(at < 0 || at >= segments.length(i) ? -1 : static_cast<int32_t>(segments.begin(i) + at));
      }
    }
  }
  return index;
}

// The columns of one of several groups.
View columns_of(const View& all, int64_t groups, int64_t group) {
  if (!all) return all;
  const int64_t count = all.cols / groups;
  return {all.as<char>() + group * count * size_of(all.dtype), all.rows, count, all.stride, all.dtype};
}

// Calls body(first, rows) for each slab of windows of x, columns on a device: `first` is the slab's first row.
// rows: the windows, [rows of the slab, width * cols].
template <typename Body>
void for_each_slab_of_windows(const View& x, Device device, const std::vector<int32_t>& index, int64_t width, Body&& body) {
  const Tensor rows = Tensor::empty({std::min(kSlab, x.rows), width * x.cols}, x.dtype, device);
  const DeviceIndices index_there(index, device);
  for (int64_t first = 0; first < x.rows; first += kSlab) {
    const View slab = rows.view().rows_from(0, std::min(kSlab, x.rows - first));
    kernels_for(rows).gather_rows({.x = x, .index = index_there.data() + first * width, .width = static_cast<int>(width), .out = slab});
    body(first, slab);
  }
}

// y (+)= windows of x times weight^T + bias. weight: [out, width * in].
void windows_times_weight(const View& x, const std::vector<int32_t>& index, int64_t width, const Tensor& weight, const View& bias,
                          const View& y, bool accumulate) {
  const ProductWeight factor = product_weight(weight, true, x.dtype);
  for_each_slab_of_windows(x, weight.device(), index, width, [&](int64_t first, const View& rows) {
    kernels_for(weight).matmul({.a = rows,
                                .b = factor.dense,
                                .out = y.rows_from(first, rows.rows),
                                .bias = bias,
                                .transpose_b = true,
                                .accumulate = accumulate,
                                .packed_b = factor.packed});
  });
}

// Transposes `count` matrices stored in `x`; the result has `rows` rows.
Tensor transposed(const Tensor& x, int64_t count, int64_t rows) {
  Tensor y = Tensor::empty({rows, x.numel() / rows}, x.dtype(), x.device());
  const int64_t cols = x.cols(), height = x.rows() / count;
  kernels_for(x).transpose({.x = x.view(), .out = y.reshaped({count * cols, height}).view(), .count = count});
  return y;
}

// The weight of one group: [out, in, width] of its columns.
Tensor of_group(const Tensor& weight, int64_t groups, int64_t group) {
  const int64_t out = weight.dim(0) / groups;
  const Tensor rows = weight.reshaped({weight.dim(0), weight.dim(1) * weight.dim(2)}).row_range(group * out, out);
  return rows.reshaped({out, weight.dim(1), weight.dim(2)});
}

// Rearranges [out, in, width] to [out, width * in], which multiplies windows of x, and to [in, width * out], which multiplies mirrored
// windows of dy.
Tensor by_place(const Tensor& weight) { return transposed(weight, weight.dim(0), weight.dim(0)); }
Tensor by_place_mirrored(const Tensor& weight) {
  const int64_t columns = weight.dim(1) * weight.dim(2);
  Tensor y = Tensor::empty({weight.dim(1), weight.dim(2) * weight.dim(0)}, weight.dtype(), weight.device());
  kernels_for(weight).transpose(
      {.x = weight.reshaped({weight.dim(0), columns}).view(), .out = y.reshaped({columns, weight.dim(0)}).view()});
  return y;
}

// dW (+)= dy^T windows of x, db (+)= column sums of dy.
void kernel_backward(const Tensor& x, const std::vector<int32_t>& index, int64_t groups, const Tensor& weight, const Tensor& bias,
                     const Tensor& dy) {
  const KernelTable& kernels = kernels_for(x);
  const GradientSlot dw = gradient_slot(weight), db = bias ? gradient_slot(bias) : GradientSlot();
  if (db) kernels.column_sum({.x = dy.view(), .out = db.view, .accumulate = db.accumulate});
  if (!dw) return;
  const int64_t out = weight.dim(0), in = weight.dim(1), width = weight.dim(2);
  const Tensor sums = Tensor::zeros({out, width * in}, x.dtype(), x.device());
  for (int64_t group = 0; group < groups; ++group) {
    const View dy_of = columns_of(dy.view(), groups, group), sums_of = sums.view().rows_from(group * (out / groups), out / groups);
    for_each_slab_of_windows(columns_of(x.view(), groups, group), x.device(), index, width, [&](int64_t first, const View& rows) {
      kernels.matmul({.a = dy_of.rows_from(first, rows.rows), .b = rows, .out = sums_of, .transpose_a = true, .accumulate = first > 0});
    });
  }
  kernels.transpose({.x = sums.reshaped({out * width, in}).view(),
                     .out = {dw.view.data, out * in, width, width, x.dtype()},
                     .count = out,
                     .accumulate = dw.accumulate});
}

}  // namespace

Tensor convolution(const Tensor& x, const Tensor& weight, const Tensor& bias, const Segments& segments, const ConvolutionOptions& options) {
  const int64_t groups = options.groups;
  QKV_CHECK(groups >= 1 && weight.shape().size() == 3 && weight.dim(0) % groups == 0 && weight.dim(1) * groups == x.cols(),
            "[convolution] weight is {} in {} groups, the rows of x have {} values", to_string(weight.shape()), groups, x.cols());
  QKV_CHECK(!bias || bias.numel() == weight.dim(0), "[convolution] bias has {} values, weight is {}", bias.numel(),
            to_string(weight.shape()));
  QKV_CHECK(segments.tokens() == x.rows() && !segments.listed(), "[convolution] sequences of {} rows, x is {}", segments.tokens(),
            to_string(x.shape()));
  QKV_CHECK(options.dilation >= 1, "[convolution] a dilation of {}", options.dilation);
  const int64_t width = weight.dim(2);
  Tensor y = Tensor::empty({x.rows(), weight.dim(0)}, x.dtype(), x.device());
  const std::vector<int32_t> index = windows(segments, width, options, false);
  for (int64_t group = 0; group < groups; ++group) {
    windows_times_weight(columns_of(x.view(), groups, group), index, width, by_place(of_group(weight, groups, group)),
                         columns_of(bias.view(), groups, group), columns_of(y.view(), groups, group), false);
  }
  record(y, {x, weight, bias}, [=](const Tensor& dy) {
    kernel_backward(x, windows(segments, width, options, false), groups, weight, bias, dy);
    const GradientSlot dx = gradient_slot(x);
    if (!dx) return;
    const std::vector<int32_t> mirrored = windows(segments, width, options, true);
    for (int64_t group = 0; group < groups; ++group) {
      windows_times_weight(columns_of(dy.view(), groups, group), mirrored, width, by_place_mirrored(of_group(weight, groups, group)), {},
                           columns_of(dx.view, groups, group), dx.accumulate);
    }
  });
  return y;
}

}  // namespace qkv
