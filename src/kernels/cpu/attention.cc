// Which program computes attention.
#include "kernels/cpu/cpu.h"

namespace qkv::cpu {
namespace {

// Flash wherever the choice is left to us.
bool takes_composed(const AttentionParams& p) { return p.implementation == AttentionImplementation::composed; }

}  // namespace

void attention(const AttentionParams& p) { takes_composed(p) ? attention_composed(p) : attention_flash(p); }

void attention_backward(const AttentionBackwardParams& p) {
  takes_composed(p.forward) ? attention_composed_backward(p) : attention_flash_backward(p);
}

}  // namespace qkv::cpu
