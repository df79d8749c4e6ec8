// How good a network is on pairs that it does not learn from.
#pragma once

#include <string>
#include <vector>

#include "data/batches.h"
#include "data/parallel_corpus.h"
#include "nn/transformer.h"
#include "qkv/tokenizer.h"

namespace qkv {

struct ValidationOptions {
  DType dtype = DType::f32;
  int num_beams = 1;
  int64_t batch_tokens = 4096;
};

struct ValidationResult {
  double loss = 0;  // -log p per target token, without label smoothing
  double bleu = 0;  // of the translations of all lines
};

class Validation {
 public:
  // `corpus` holds the pairs of the two files that are neither empty nor too long, tokenized; `sources` and `references` all lines.
  Validation(const ParallelCorpus& corpus, std::vector<std::string> sources, std::vector<std::string> references,
             const ValidationOptions& options);

  ValidationResult run(const Transformer& network, const Tokenizer& tokenizer) const;

 private:
  double loss(const Transformer& network) const;
  double bleu(const Transformer& network, const Tokenizer& tokenizer) const;

  const ParallelCorpus& corpus_;
  std::vector<std::string> sources_, references_;
  ValidationOptions options_;
  Batches batches_;
  int max_length_;
};

}  // namespace qkv
