// One step of decoding: a ragged batch in which any sequence may join, leave, fork or read its prompt.
#pragma once

#include <span>
#include <vector>

#include "decode/sequence.h"
#include "nn/transformer.h"

namespace qkv {

// Greedy search, beam search and sampling are drivers of this class. What a sequence computes depends on its tokens and its source alone:
// not on its neighbours, nor on when it joined.
class Step {
 public:
  // Network and context are kept by reference; the context's type is that of all steps.
  Step(const Transformer& network, ForwardContext& context);

  // Keys and values of encoded sources, for join().
  std::vector<KvCache::Table> add_sources(const Tensor& memory, const Segments& segments);
  // A new sequence. Its prompt, one token at least, is read by the first step that it takes part in.
  Sequence join(std::vector<int32_t> prompt, const StopRules& stop = {}, const Draw& draw = {}, KvCache::Table source = {});
  // Another sequence with the same tokens and source; they share what was read.
  Sequence fork(const Sequence& sequence);
  // The sequence forgets all but its last `kept` tokens, which the next step reads again.
  void restart(Sequence& sequence, size_t kept);

  // Each sequence reads its unread tokens, one at least. The logits after the last one of each: [sequences, vocab_size], f32 (f64 on the
  // reference). Where it throws, the sequences of the batch cannot be used any more.
  Tensor run(std::span<Sequence* const> batch);

  const KvCache& cache() const { return tokens_; }
  const KvCache& source_cache() const { return sources_; }

 private:
  const Transformer& network_;
  ForwardContext& context_;
  KvCache tokens_, sources_;       // what sequences have read; what their sources are
  std::vector<LayerRows> layers_;  // the memory of both
};

}  // namespace qkv
