// Chooses the attention kernel.
#include <algorithm>
#include <array>
#include <vector>

#include "kernels/cpu/attention/attention_bf16.h"
#include "kernels/cpu/cpu.h"

namespace qkv::cpu {
namespace {

bool takes_composed(const AttentionParams& p) { return p.implementation == AttentionImplementation::composed; }

bool all_within(const SegmentView& segments, int32_t longest) {
  return std::all_of(segments.length, segments.length + segments.count, [=](int32_t length) { return length <= longest; });
}

// One query per sequence, as in decoding: each key and value is read once, so packing them into tiles would cost more than the products.
bool decodes(const AttentionParams& p) { return !p.log_sum_exp && all_within(p.queries, 1); }

// Flash is the default. In f32, however, keys that fit into part of one tile leave nothing to combine and the composed kernel is faster.
// Time of flash relative to composed, forward and both ways: 1.10 to 1.15 and 1.12 for 256 sequences of 8 to 40 tokens, 1.01 to 1.05 and
// 1.13 at 64 tokens, 0.99 and 1.07 at 128.
bool has_few_keys(const AttentionParams& p, int32_t longest) {
  return p.implementation == AttentionImplementation::automatic && all_within(p.keys, longest);
}

enum class Program : uint8_t { composed, flash, bf16 };

Program program_of(const AttentionParams& p) {
  if (takes_composed(p)) return Program::composed;
  if (decodes(p)) return Program::flash;
  if (attention_bf16_supports(p)) return Program::bf16;
  return has_few_keys(p, 64) ? Program::composed : Program::flash;
}

void run(Program program, const AttentionParams& p) {
  if (p.queries.count == 0) return;
  switch (program) {
    case Program::composed: return attention_composed(p);
    case Program::flash: return attention_flash(p);
    case Program::bf16: return attention_bf16(p);
  }
}

// Sequence i alone.
AttentionParams one_sequence(const AttentionParams& p, int64_t i) {
  AttentionParams one = p;
  one.queries = {p.queries.begin + i, p.queries.length + i, 1, p.queries.index};
  one.keys = {p.keys.begin + i, p.keys.length + i, 1, p.keys.index};
  return one;
}

// Sequences that are decoded together may be of any lengths, some at their prompt and some at one token: each takes the program that it
// takes alone, or its result would depend on its neighbours.
void attention_of_each(const AttentionParams& p) {
  struct Some {
    std::vector<int32_t> query_begin, query_length, key_begin, key_length;
  };
  std::array<Some, 3> by_program;
  for (int64_t i = 0; i < p.queries.count; ++i) {
    Some& mine = by_program[static_cast<size_t>(program_of(one_sequence(p, i)))];
    mine.query_begin.push_back(p.queries.begin[i]);
    mine.query_length.push_back(p.queries.length[i]);
    mine.key_begin.push_back(p.keys.begin[i]);
    mine.key_length.push_back(p.keys.length[i]);
  }
  for (size_t program = 0; program < by_program.size(); ++program) {
    const Some& mine = by_program[program];
    const auto count = std::ssize(mine.query_begin);
    AttentionParams some = p;
    some.queries = {mine.query_begin.data(), mine.query_length.data(), count, p.queries.index};
    some.keys = {mine.key_begin.data(), mine.key_length.data(), count, p.keys.index};
    run(static_cast<Program>(program), some);
  }
}

}  // namespace

void attention(const AttentionParams& p) {
  if (p.relative_row) return attention_disentangled(p);
  if (p.keys.index && !decodes(p)) return attention_of_each(p);
  run(program_of(p), p);
}

void attention_backward(const AttentionBackwardParams& p) {
  if (p.forward.relative_row) return attention_disentangled_backward(p);
  if (takes_composed(p.forward)) return attention_composed_backward(p);
  if (attention_bf16_supports(p.forward)) return attention_bf16_backward(p);
  has_few_keys(p.forward, 128) ? attention_composed_backward(p) : attention_flash_backward(p);
}

void attention_map(const AttentionMapParams& p) {
  if (p.forward.relative_row) return attention_disentangled_map(p);
  attention_bf16_supports(p.forward) ? attention_bf16_map(p) : attention_flash_map(p);
}

}  // namespace qkv::cpu
