#include "train/gradient_exchange.h"

#include <algorithm>
#include <bit>

#include "base/error.h"

namespace qkv {
namespace {

constexpr int64_t kChunk = int64_t{1} << 20;  // values that are sent at a time

std::span<std::byte> bytes(const Tensor& row, int64_t begin, int64_t end) {
  if (begin >= end) return {};
  const View view = row_view(row, begin, end - begin);
  return {static_cast<std::byte*>(view.data), static_cast<size_t>((end - begin) * size_of(view.dtype))};
}

}  // namespace

GradientExchange::GradientExchange(ProcessGroup& group, int slices, DType transfer)
    : group_(group), slices_(slices), share_(slices / group.size()), transfer_(transfer) {
  QKV_CHECK(slices >= 1 && std::has_single_bit(static_cast<unsigned>(slices)) && slices % group.size() == 0,
            "[gradient exchange] {} slices for {} processes", slices, group.size());
}

// In round k of add(), bit k of a process's number decides which half of the parts it keeps.
int GradientExchange::part_of_process(int rank) const {
  int part = 0, width = slices_;
  for (int bit = 1; bit < group_.size(); bit *= 2) {
    width /= 2;
    if (rank & bit) part += width;
  }
  return part;
}

// Recursive halving (Thakur, Rabenseifner and Gropp 2005, section 4.4) from the nearest partner to the farthest: round k adds the subtrees
// of 2^k processes each, as the tree over all slices does.
void GradientExchange::add(const ParameterRow& row, size_t bucket, const Tensor& values) const {
  const bool rounded = transfer_ != values.dtype();
  const Tensor arrived = Tensor::empty({kChunk, 1}, transfer_), sent = rounded ? Tensor::empty({kChunk, 1}, transfer_) : Tensor();
  int first = 0, last = slices_;
  for (int bit = 1; bit < group_.size(); bit *= 2) {
    const int partner = group_.rank() ^ bit, middle = (first + last) / 2;
    const bool lower = (group_.rank() & bit) == 0;
    const int64_t begin = row.begin_of(bucket, first), cut = row.begin_of(bucket, middle), end = row.begin_of(bucket, last);
    int64_t keep = lower ? begin : cut, give = lower ? cut : begin;
    const int64_t keep_end = lower ? cut : end, give_end = lower ? end : cut;
    while (keep < keep_end || give < give_end) {
      const int64_t kept = std::min(kChunk, keep_end - keep), given = std::min(kChunk, give_end - give);
      if (rounded && given > 0) kernels_for(values).copy({.x = row_view(values, give, given), .out = row_view(sent, 0, given)});
      group_.exchange(partner, rounded ? bytes(sent, 0, given) : bytes(values, give, give + given), partner, bytes(arrived, 0, kept));
      if (kept > 0) {
        kernels_for(values).copy({.x = row_view(arrived, 0, kept), .out = row_view(values, keep, kept), .accumulate = true});
      }
      keep += kept;
      give += given;
    }
    (lower ? last : first) = middle;
  }
}

// The rounds of add() backwards: partners exchange what they have until each has all.
void GradientExchange::share(const ParameterRow& row, const Tensor& values) const {
  for (size_t bucket = 0; bucket < row.buckets(); ++bucket) {
    int first = first_part(), width = share_;
    for (int bit = group_.size() / 2; bit > 0; bit /= 2) {
      const int partner = group_.rank() ^ bit;
      const bool lower = (group_.rank() & bit) == 0;
      const int other = lower ? first + width : first - width;
      group_.exchange(partner, bytes(values, row.begin_of(bucket, first), row.begin_of(bucket, first + width)), partner,
                      bytes(values, row.begin_of(bucket, other), row.begin_of(bucket, other + width)));
      first = std::min(first, other);
      width *= 2;
    }
  }
}

void GradientExchange::share(const ParameterRow& row, const ParameterStore& parameters) const {
  if (group_.size() == 1) return;
  const Tensor values = Tensor::empty({row.size(), 1}, parameters.all().front().value.dtype());
  const auto copy = [&](int first, int last, bool into_row) {
    for (const ParameterPiece& piece : row.pieces(first, last)) {
      const Tensor& weight = parameters.all()[piece.parameter].value;
      const View mine = piece_view(weight, piece), shared = row_view(values, piece.offset, piece.count);
      kernels_for(weight).copy({.x = into_row ? mine : shared, .out = into_row ? shared : mine});
    }
  };
  copy(first_part(), last_part(), true);
  share(row, values);
  copy(0, first_part(), false);
  copy(last_part(), slices_, false);
  for (const Parameter& parameter : parameters.all()) parameter.value.touch();
}

}  // namespace qkv
