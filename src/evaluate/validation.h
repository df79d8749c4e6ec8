// How good a network is on what it does not learn from.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/batches.h"
#include "data/parallel_corpus.h"
#include "evaluate/classification.h"
#include "evaluate/masked_loss.h"
#include "evaluate/text_loss.h"
#include "nn/transformer.h"
#include "qkv/tokenizer.h"

namespace qkv {

struct ValidationResult {
  double loss = 0;                      // -log p per target token, without label smoothing
  std::optional<double> bleu;           // of the translations of all lines, where a reference has four words
  std::optional<double> exact_match;    // where none has: BLEU would be 0 whatever is said
  std::optional<double> bits_per_byte;  // of a plain text
  std::optional<double> masked_bits_per_byte;
  std::optional<double> accuracy;  // of a classification

  // What decides which is better, before the loss: higher is better; 0 where the loss alone does.
  double score() const { return bleu.value_or(exact_match.value_or(accuracy.value_or(0))); }
  const char* score_name() const { return bleu ? "BLEU" : exact_match ? "exact match" : accuracy ? "accuracy" : ""; }
};

class Validation {
 public:
  virtual ~Validation() = default;
  virtual ValidationResult run(const Transformer& network) const = 0;
};

struct TranslationValidationOptions {
  DType dtype = DType::f32;
  int num_beams = 1;
  int64_t batch_tokens = 4096;
  const CancellationToken* cancellation = nullptr;
};

class TranslationValidation final : public Validation {
 public:
  // `corpus` holds the pairs of the two files that are neither empty nor too long, tokenized; `sources` and `references` all lines. The
  // tokenizer stays with the caller.
  TranslationValidation(ParallelCorpus corpus, std::vector<std::string> sources, std::vector<std::string> references,
                        const Tokenizer& tokenizer, const TranslationValidationOptions& options);

  ValidationResult run(const Transformer& network) const override;

 private:
  double loss(const Transformer& network) const;
  std::vector<std::string> hypotheses(const Transformer& network) const;

  ParallelCorpus corpus_;
  std::vector<std::string> sources_, references_;
  const Tokenizer& tokenizer_;
  TranslationValidationOptions options_;
  Batches batches_;
  int max_length_;
  bool has_bleu_;
};

class TextValidation final : public Validation {
 public:
  TextValidation(TextCorpus corpus, const TextLossOptions& options) : corpus_(std::move(corpus)), options_(options) {}

  ValidationResult run(const Transformer& network) const override;

 private:
  TextCorpus corpus_;
  TextLossOptions options_;
};

class MaskedValidation final : public Validation {
 public:
  // The loss is taken with the options' masking, the masked bits per byte with whole words hidden. The tokenizer stays with the caller.
  MaskedValidation(TextCorpus corpus, const Tokenizer& tokenizer, const MaskedLossOptions& options)
      : corpus_(std::move(corpus)), tokenizer_(tokenizer), options_(options) {}

  ValidationResult run(const Transformer& network) const override;

 private:
  TextCorpus corpus_;
  const Tokenizer& tokenizer_;
  MaskedLossOptions options_;
};

class ClassificationValidation final : public Validation {
 public:
  ClassificationValidation(LabelledTexts texts, const ClassificationOptions& options) : texts_(std::move(texts)), options_(options) {}

  ValidationResult run(const Transformer& network) const override;

 private:
  LabelledTexts texts_;
  ClassificationOptions options_;
};

}  // namespace qkv
