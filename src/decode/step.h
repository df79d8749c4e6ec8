// One decoding step: a ragged batch in which any sequence may join, leave, fork or read its prompt.
#pragma once

#include <span>
#include <vector>

#include "decode/sequence.h"
#include "nn/transformer.h"

namespace qkv {

// Greedy search, beam search and sampling are built on this class. A sequence's results depend only on its tokens and source, not on other
// sequences or on when it joined.
class Step {
 public:
  // Keeps references to the network and the context, whose type applies to all steps.
  Step(const Transformer& network, ForwardContext& context);

  // Computes keys and values of encoded sources for join().
  std::vector<KvCache::Table> add_sources(const Tensor& memory, const Segments& segments);
  // A new sequence. Its prompt must not be empty and is read by the sequence's first step.
  Sequence join(std::vector<int32_t> prompt, const StopRules& stop = {}, const Draw& draw = {}, KvCache::Table source = {});
  // A new sequence with the same tokens and source, sharing the cached rows.
  Sequence fork(const Sequence& sequence);
  // Discards all but the last `kept` tokens of the sequence, which the next step reads again.
  void restart(Sequence& sequence, size_t kept);

  // Each sequence reads its unread tokens, at least one. Returns the logits after each sequence's last token: [sequences, vocab_size], f32
  // (f64 on the reference). If it throws, the sequences of the batch are unusable.
  Tensor run(std::span<Sequence* const> batch);

  const KvCache& cache() const { return tokens_; }
  const KvCache& source_cache() const { return sources_; }

 private:
  // Does the sequence's next step cross rotation_boundary()? Its kept keys are then of no use.
  bool crosses_boundary(const Sequence& sequence) const;

  const Transformer& network_;
  ForwardContext& context_;
  int64_t boundary_;
  KvCache tokens_, sources_;       // cached rows of sequences and of sources
  std::vector<LayerRows> layers_;  // rows of both caches per layer
};

}  // namespace qkv
