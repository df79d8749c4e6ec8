// Biases of attention scores that depend only on the head and on the distance between key and query.
#include <algorithm>
#include <cmath>

#include "ops/ops.h"
#include "tensor/device_indices.h"
#include "tensor/host_values.h"

namespace qkv {
namespace {

// Press et al. 2022, section 3: 2^(-8 i / heads), i from 1. If `heads` is not a power of two: the slopes for the next lower power, then
// every other slope for the next higher one, as in the paper's code.
double alibi_slope(int heads, int head) {
  int lower = 1;
  while (2 * lower <= heads) lower *= 2;
  return head < lower ? std::exp2(-8.0 * (head + 1) / lower) : std::exp2(-4.0 * (2 * (head - lower) + 1) / lower);
}

// Raffel et al. 2020, section 2.1, with the arithmetic of transformers' T5Attention._relative_position_bucket: one bucket per distance at
// first, then logarithmically growing buckets up to max_distance. distance: key - query.
int64_t bucket_of(int64_t distance, int64_t buckets, bool bidirectional, int64_t max_distance) {
  int64_t first = 0;
  if (bidirectional) {
    buckets /= 2;
    first = distance > 0 ? buckets : 0;
    distance = std::abs(distance);
  } else {
    distance = std::max<int64_t>(0, -distance);
  }
  const int64_t exact = buckets / 2;
  if (distance < exact) return first + distance;
  const float share = std::log(static_cast<float>(distance) / static_cast<float>(exact)) /
                      static_cast<float>(std::log(static_cast<double>(max_distance) / static_cast<double>(exact)));
  return first + std::min(buckets - 1, exact + static_cast<int64_t>(share * static_cast<float>(buckets - exact)));
}

}  // namespace

Tensor alibi_bias(int heads, int64_t reach, Device device) {
  QKV_CHECK(heads > 0 && reach >= 0, "[alibi_bias] {} heads and a reach of {}; at least 1 and 0 are wanted", heads, reach);
  const Tensor bias = Tensor::empty({heads, 2 * reach + 1}, device == Device::reference ? DType::f64 : DType::f32, device);
  const auto write = [&](auto* values) {
    using T = std::remove_pointer_t<decltype(values)>;
    for (int head = 0; head < heads; ++head) {
      const double slope = alibi_slope(heads, head);
      T* row = values + head * bias.cols() + reach;
      for (int64_t d = -reach; d <= reach; ++d) row[d] = static_cast<T>(-slope * static_cast<double>(std::abs(d)));
    }
  };
  if (bias.dtype() == DType::f64) {
    write_on_host<double>(bias, Before::anything, write);
  } else {
    write_on_host<float>(bias, Before::anything, write);
  }
  return bias;
}

Tensor relative_position_bias(const Tensor& table, int64_t reach, bool bidirectional, int64_t max_distance) {
  const int64_t buckets = table.rows(), heads = table.cols(), exact = (bidirectional ? buckets / 2 : buckets) / 2;
  QKV_CHECK(table.dtype() == statistics_type(table), "[relative_position_bias] the table is {}; {} is wanted", name_of(table.dtype()),
            name_of(statistics_type(table)));
  QKV_CHECK(reach >= 0 && exact > 0 && max_distance > exact,
            "[relative_position_bias] {} buckets, a reach of {} and a largest distance of {}; wanted are at least {}, 0 and {}", buckets,
            reach, max_distance, bidirectional ? 4 : 2, exact + 1);
  std::vector<int32_t> bucket;  // the bucket of distance d is at [reach + d]
  for (int64_t d = -reach; d <= reach; ++d) bucket.push_back(static_cast<int32_t>(bucket_of(d, buckets, bidirectional, max_distance)));
  const int64_t distances = std::ssize(bucket);
  const auto of_shape = [table](int64_t rows, int64_t cols) { return Tensor::empty({rows, cols}, table.dtype(), table.device()); };
  const Tensor bias = of_shape(heads, distances), by_distance = of_shape(distances, heads);
  const KernelTable& kernels = kernels_for(table);
  kernels.gather_rows({.x = table.view(), .index = DeviceIndices(bucket, table.device()).data(), .out = by_distance.view()});
  kernels.transpose({.x = by_distance.view(), .out = bias.view()});
  record(bias, {table}, [=, &kernels, bucket = std::move(bucket)](const Tensor& dbias) {
    const Tensor dby_distance = of_shape(distances, heads);
    kernels.transpose({.x = dbias.view(), .out = dby_distance.view()});
    const DeviceIndices ids(bucket, table.device());
    kernels.embedding_backward({.ids = ids.data(), .dy = dby_distance.view(), .dtable = gradient_sum(table)});
  });
  return bias;
}

}  // namespace qkv
