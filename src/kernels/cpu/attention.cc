// Which program computes attention.
#include <algorithm>

#include "kernels/cpu/attention_bf16.h"
#include "kernels/cpu/cpu.h"

namespace qkv::cpu {
namespace {

// Flash wherever the choice is left to us.
bool takes_composed(const AttentionParams& p) { return p.implementation == AttentionImplementation::composed; }

// One query for each sequence, as in decoding: keys and values are read once, so packing them for tiles would cost more than the products.
bool decodes(const AttentionParams& p) {
  return !p.log_sum_exp && std::all_of(p.queries.length, p.queries.length + p.queries.count, [](int32_t length) { return length <= 1; });
}

}  // namespace

void attention(const AttentionParams& p) {
  if (takes_composed(p)) return attention_composed(p);
  if (attention_bf16_supports(p) && !decodes(p)) return attention_bf16(p);
  attention_flash(p);
}

void attention_backward(const AttentionBackwardParams& p) {
  if (takes_composed(p.forward)) return attention_composed_backward(p);
  if (attention_bf16_supports(p.forward)) return attention_bf16_backward(p);
  attention_flash_backward(p);
}

void attention_map(const AttentionMapParams& p) { attention_bf16_supports(p.forward) ? attention_bf16_map(p) : attention_flash_map(p); }

}  // namespace qkv::cpu
