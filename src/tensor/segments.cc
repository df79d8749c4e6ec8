#include "tensor/segments.h"

#include <algorithm>

#include "tensor/device_indices.h"

namespace qkv {

Segments Segments::of_lengths(std::span<const int32_t> lengths) {
  Segments result;
  result.length_.assign(lengths.begin(), lengths.end());
  result.begin_.reserve(lengths.size());
  for (int32_t length : lengths) {
    QKV_CHECK(length >= 0, "[segments] a length of {} is negative", length);
    QKV_REQUIRE(result.tokens_ + length <= INT32_MAX, "[segments] more than {} tokens in one batch", INT32_MAX);
    result.begin_.push_back(static_cast<int32_t>(result.tokens_));
    result.tokens_ += length;
    result.longest_ = std::max(result.longest_, length);
  }
  return result;
}

Segments Segments::of_rows(std::span<const std::vector<int32_t>> rows) {
  std::vector<int32_t> lengths;
  for (const std::vector<int32_t>& each : rows) lengths.push_back(static_cast<int32_t>(each.size()));
  Segments result = of_lengths(lengths);
  result.index_.reserve(static_cast<size_t>(result.tokens_));
  for (const std::vector<int32_t>& each : rows) result.index_.insert(result.index_.end(), each.begin(), each.end());
  return result;
}

Segments Segments::select(std::span<const int32_t> choice) const {
  Segments result;
  result.tokens_ = tokens_;
  result.index_ = index_;
  for (int32_t i : choice) {
    QKV_CHECK(i >= 0 && i < count(), "[segments] sequence {} of {}", i, count());
    result.begin_.push_back(begin_[i]);
    result.length_.push_back(length_[i]);
    result.longest_ = std::max(result.longest_, length_[i]);
  }
  return result;
}

struct Segments::OnDevice {
  Device device;
  DeviceIndices begin, length, index;
};

SegmentView Segments::view(Device device) const {
  if (kernels_of(device).memory.shared_with_host) return {begin_.data(), length_.data(), count(), index_.empty() ? nullptr : index_.data()};
  if (!on_device_ || on_device_->device != device)
    on_device_ = std::make_shared<const OnDevice>(OnDevice{device, {begin_, device}, {length_, device}, {index_, device}});
  return {on_device_->begin.data(), on_device_->length.data(), count(), on_device_->index.data()};
}

std::vector<int32_t> Segments::positions() const {
  std::vector<int32_t> result(static_cast<size_t>(tokens_));
  for (int64_t i = 0; i < count(); ++i) {
    for (int32_t p = 0; p < length_[i]; ++p) result[begin_[i] + p] = p;
  }
  return result;
}

}  // namespace qkv
