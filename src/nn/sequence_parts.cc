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

TokenBatch part_of(const TokenBatch& batch, SequenceRange range) {
  std::vector<int32_t> lengths;
  for (int64_t i = range.first; i < range.last; ++i) lengths.push_back(batch.segments.length(i));
  TokenBatch part{.segments = Segments::of_lengths(lengths)};
  const int64_t begin = batch.segments.begin(range.first), end = begin + part.segments.tokens();
  part.ids.assign(batch.ids.begin() + begin, batch.ids.begin() + end);
  if (!batch.token_types.empty()) part.token_types.assign(batch.token_types.begin() + begin, batch.token_types.begin() + end);
  return part;
}

}  // namespace

std::vector<SequenceRange> sequence_parts(const Segments& segments, int64_t threads) {
  const int64_t tokens = segments.tokens(), parts = threads * std::max<int64_t>(1, tokens / (threads * kMostRows));
  const std::vector<SequenceRange> whole{{0, segments.count()}};
  if (threads == 1 || tokens < parts * kLeastRows) return whole;
  std::vector<SequenceRange> ranges;
  int64_t first = 0;
  for (int64_t i = 0; i < segments.count(); ++i) {
    const int64_t end = segments.begin(i) + segments.length(i), wanted = tokens * (std::ssize(ranges) + 1) / parts;
    // A part ends where its share of the tokens does, to the nearest sequence; the last one takes what is left.
    const bool last = std::ssize(ranges) + 1 == parts;
    if (i + 1 < segments.count() && (last || end + segments.length(i + 1) / 2 < wanted)) continue;
    if (10 * (end - segments.begin(first)) * parts > 12 * tokens) return whole;
    ranges.push_back({first, i + 1});
    first = i + 1;
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
    parts[static_cast<size_t>(i)] = run(part_of(batch, ranges[static_cast<size_t>(i)]), own);
  });
  const Tensor whole = Tensor::empty({batch.segments.tokens(), parts[0].cols()}, parts[0].dtype(), parts[0].device());
  for (size_t i = 0; i < parts.size(); ++i) copy_rows(parts[i], whole, batch.segments.begin(ranges[i].first));
  return whole;
}

}  // namespace qkv
