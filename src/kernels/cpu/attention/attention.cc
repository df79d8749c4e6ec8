// Which program computes attention.
#include <algorithm>

#include "kernels/cpu/attention/attention_bf16.h"
#include "kernels/cpu/cpu.h"

namespace qkv::cpu {
namespace {

bool takes_composed(const AttentionParams& p) { return p.implementation == AttentionImplementation::composed; }

bool all_within(const SegmentView& segments, int32_t longest) {
  return std::all_of(segments.length, segments.length + segments.count, [=](int32_t length) { return length <= longest; });
}

// One query for each sequence, as in decoding: keys and values are read once, so packing them for tiles would cost more than the products.
bool decodes(const AttentionParams& p) { return !p.log_sum_exp && all_within(p.queries, 1); }

// Flash wherever the choice is left to us; but in f32, keys that are a part of a tile leave nothing to put together. Of the formula's time
// flash takes 1.10 to 1.15 forward and 1.12 both ways for 256 sequences of 8 to 40 tokens, 1.01 to 1.05 and 1.13 at 64 tokens, 0.99 and
// 1.07 at 128.
bool has_few_keys(const AttentionParams& p, int32_t longest) {
  return p.implementation == AttentionImplementation::automatic && all_within(p.keys, longest);
}

}  // namespace

void attention(const AttentionParams& p) {
  if (takes_composed(p)) return attention_composed(p);
  if (decodes(p)) return attention_flash(p);
  if (attention_bf16_supports(p)) return attention_bf16(p);
  has_few_keys(p, 64) ? attention_composed(p) : attention_flash(p);
}

void attention_backward(const AttentionBackwardParams& p) {
  if (takes_composed(p.forward)) return attention_composed_backward(p);
  if (attention_bf16_supports(p.forward)) return attention_bf16_backward(p);
  has_few_keys(p.forward, 128) ? attention_composed_backward(p) : attention_flash_backward(p);
}

void attention_map(const AttentionMapParams& p) { attention_bf16_supports(p.forward) ? attention_bf16_map(p) : attention_flash_map(p); }

}  // namespace qkv::cpu
