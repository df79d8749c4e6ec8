#include "nn/sequence_parts.h"

#include <algorithm>

#include "base/parallel.h"
#include "tensor/tape.h"

namespace qkv {
namespace {

// Two threads share a pass: with fewer rows each reads all weights for too little, with more a part leaves its core's cache. Texts/s by
// rows of a part, parts against shared ops, bf16 on AMX: MiniLM 60 1.15 times, 120 1.3, 240 1.17, 500 1.05; BERT-base 60 0.9, 120 and
// more 1.0. f32 (AVX-512): 1.0 to 1.1.
constexpr int64_t kLeastRows = 96, kMostRows = 512;

}  // namespace

TokenBatch sequences_of(const TokenBatch& batch, SequenceRange range) {
  TokenBatch result;
  const auto [first, last] = range;
  if (batch.segments.count() == 0 || first == last) return result;
  const int64_t begin = batch.segments.begin(first), end = batch.segments.begin(last - 1) + batch.segments.length(last - 1);
  result.ids.assign(batch.ids.begin() + begin, batch.ids.begin() + end);
  if (!batch.token_types.empty()) result.token_types.assign(batch.token_types.begin() + begin, batch.token_types.begin() + end);
  std::vector<int32_t> lengths;
  for (int64_t i = first; i < last; ++i) lengths.push_back(batch.segments.length(i));
  result.segments = Segments::of_lengths(lengths);
  return result;
}

int64_t first_of_part(std::span<const int64_t> ends, int64_t part, int64_t parts) {
  const int64_t total = ends.empty() ? 0 : ends.back();
  int64_t begin = 0;
  for (size_t i = 0; i < ends.size(); ++i) {
    if (part == parts || (begin + ends[i]) * parts < 2 * part * total) {
      begin = ends[i];
      continue;
    }
    return static_cast<int64_t>(i);
  }
  return std::ssize(ends);
}

std::vector<SequenceRange> sequence_parts(const Segments& segments, int64_t threads) {
  const int64_t tokens = segments.tokens(), parts = threads * std::max<int64_t>(1, tokens / (threads * kMostRows));
  const std::vector<SequenceRange> whole{{0, segments.count()}};
  if (threads == 1 || tokens < parts * kLeastRows) return whole;
  std::vector<int64_t> ends;
  for (int64_t i = 0; i < segments.count(); ++i) ends.push_back(segments.begin(i) + segments.length(i));
  std::vector<SequenceRange> ranges;
  for (int64_t part = 0, first = 0; part < parts; ++part) {
    const int64_t last = first_of_part(ends, part + 1, parts);
    if (first == last || 10 * (ends[static_cast<size_t>(last - 1)] - segments.begin(first)) * parts > 12 * tokens) return whole;
    ranges.push_back({first, last});
    first = last;
  }
  return ranges;
}

Tensor by_sequences(const TokenBatch& batch, Device device, ForwardContext& context,
                    const std::function<Tensor(const TokenBatch&, ForwardContext&)>& run) {
  const bool whole_pass = context.training || context.on_attention || context.on_value || Tape::current() || inside_parallel_for() ||
                          !kernels_of(device).memory.shared_with_host;
  const std::vector<SequenceRange> ranges = sequence_parts(batch.segments, whole_pass ? 1 : num_threads());
  if (ranges.size() == 1) return run(batch, context);
  std::vector<Tensor> parts(ranges.size());
  parallel_for(std::ssize(ranges), [&](int64_t i) {
    ForwardContext own = context;
    parts[static_cast<size_t>(i)] = run(sequences_of(batch, ranges[static_cast<size_t>(i)]), own);
  });
  const Tensor whole = Tensor::empty({batch.segments.tokens(), parts[0].cols()}, parts[0].dtype(), parts[0].device());
  for (size_t i = 0; i < parts.size(); ++i) copy_rows(parts[i], whole, batch.segments.begin(ranges[i].first));
  return whole;
}

}  // namespace qkv
