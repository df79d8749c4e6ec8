#include "train/parameter_row.h"

#include <algorithm>

namespace qkv {
namespace {

constexpr int64_t kAlignment = 16;             // values: a cache line
constexpr int64_t kBucket = int64_t{1} << 20;  // values, at least

int64_t aligned(int64_t count) { return (count + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

ParameterRow::ParameterRow(const ParameterStore& parameters, int parts) : parts_(parts) {
  for (const Parameter& parameter : parameters.all()) {
    if (buckets_.empty() || buckets_.back().end - buckets_.back().begin >= kBucket)
      buckets_.push_back({shapes_.size(), shapes_.size(), size_, size_});
    shapes_.push_back(parameter.value.shape());
    offsets_.push_back(size_);
    counts_.push_back(parameter.value.numel());
    bucket_of_.push_back(buckets_.size() - 1);
    size_ += aligned(parameter.value.numel());
    ++buckets_.back().last;
    buckets_.back().end = size_;
  }
}

int64_t ParameterRow::begin_of(size_t bucket, int part) const {
  const auto [first, last, begin, end] = buckets_[bucket];
  return part == parts_ ? end : begin + (end - begin) / kAlignment * part / parts_ * kAlignment;
}

std::vector<ParameterRow::Segment> ParameterRow::segments(int first, int last) const {
  std::vector<Segment> result;
  int64_t own = 0;
  for (size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    const int64_t begin = begin_of(bucket, first), count = begin_of(bucket, last) - begin;
    result.push_back({begin, count, own});
    own += count;
  }
  return result;
}

int64_t ParameterRow::size_of_parts(int first, int last) const {
  int64_t size = 0;
  for (const Segment& segment : segments(first, last)) size += segment.count;
  return size;
}

std::vector<ParameterPiece> ParameterRow::pieces(int first, int last) const {
  std::vector<ParameterPiece> result;
  const std::vector<Segment> own = segments(first, last);
  for (size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    size_t parameter = buckets_[bucket].first;
    for (int part = first; part < last; ++part) {
      const int64_t begin = begin_of(bucket, part), end = begin_of(bucket, part + 1);
      for (; parameter < buckets_[bucket].last; ++parameter) {
        const int64_t from = std::max(begin, offsets_[parameter]), to = std::min(end, offsets_[parameter] + counts_[parameter]);
        if (from < to)
          result.push_back({parameter, from - offsets_[parameter], to - from, from, from - own[bucket].begin + own[bucket].own});
        if (offsets_[parameter] + counts_[parameter] > end) break;  // goes on in the next part
      }
    }
  }
  return result;
}

std::vector<Tensor> ParameterRow::views(const Tensor& values) const {
  std::vector<Tensor> result;
  for (size_t i = 0; i < counts_.size(); ++i) result.push_back(values.row_range(offsets_[i], counts_[i]).reshaped(shapes_[i]));
  return result;
}

View piece_view(const Tensor& tensor, const ParameterPiece& piece) {
  const View whole = tensor.view();
  return {static_cast<char*>(whole.data) + piece.begin * size_of(whole.dtype), 1, piece.count, piece.count, whole.dtype};
}

View row_view(const Tensor& row, int64_t begin, int64_t count) {
  const View whole = row.view();
  return {static_cast<char*>(whole.data) + begin * size_of(whole.dtype), 1, count, count, whole.dtype};
}

}  // namespace qkv
