// Evaluates a network on validation data during training.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/batches.h"
#include "data/parallel_corpus.h"
#include "evaluate/choices.h"
#include "evaluate/classification.h"
#include "evaluate/masked_loss.h"
#include "evaluate/share.h"
#include "evaluate/tag_scores.h"
#include "evaluate/text_loss.h"
#include "nn/transformer.h"
#include "qkv/tokenizer.h"

namespace qkv {

struct ValidationResult {
  double loss = 0;                      // -log p per target token, without label smoothing
  std::optional<double> bleu;           // translations of all lines; set if a reference has four words
  std::optional<double> exact_match;    // set if no reference has four words, which makes BLEU 0
  std::optional<double> bits_per_byte;  // for plain text
  std::optional<double> masked_bits_per_byte;
  std::optional<double> accuracy;   // for classification, labels of words and choices
  std::optional<double> entity_f1;  // for labels of words

  // The score that ranks validations before their loss; higher is better. 0 if only the loss ranks them.
  double score() const { return bleu.value_or(exact_match.value_or(entity_f1.value_or(accuracy.value_or(0)))); }
  const char* score_name() const {
    return bleu ? "BLEU" : exact_match ? "exact match" : entity_f1 ? "entity F1" : accuracy ? "accuracy" : "";
  }
};

class Validation {
 public:
  virtual ~Validation() = default;
  // Several processes that divide the work get equal results, those of one process. Throws Error(interrupted) if cancelled.
  virtual ValidationResult run(const Transformer& network, const Share& share = {}) const = 0;
};

struct TranslationValidationOptions {
  DType dtype = DType::f32;
  int num_beams = 1;
  int64_t batch_tokens = 4096;
  const CancellationToken* cancellation = nullptr;
};

class TranslationValidation final : public Validation {
 public:
  // `corpus` holds the tokenized pairs of the two files except empty and too long ones; `sources` and `references` hold all lines. The
  // tokenizer must outlive this object.
  TranslationValidation(ParallelCorpus corpus, std::vector<std::string> sources, std::vector<std::string> references,
                        const Tokenizer& tokenizer, const TranslationValidationOptions& options);

  ValidationResult run(const Transformer& network, const Share& share) const override;

 private:
  double loss(const Transformer& network, const Share& share) const;
  std::vector<std::string> hypotheses(const Transformer& network, const Share& share) const;

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

  ValidationResult run(const Transformer& network, const Share& share) const override;

 private:
  TextCorpus corpus_;
  TextLossOptions options_;
};

class MaskedValidation final : public Validation {
 public:
  // The loss uses the masking of `options`, masked bits per byte hides whole words. The tokenizer must outlive this object.
  MaskedValidation(TextCorpus corpus, const Tokenizer& tokenizer, const MaskedLossOptions& options)
      : corpus_(std::move(corpus)), tokenizer_(tokenizer), options_(options) {}

  ValidationResult run(const Transformer& network, const Share& share) const override;

 private:
  TextCorpus corpus_;
  const Tokenizer& tokenizer_;
  MaskedLossOptions options_;
};

// For labels of words.
class TagValidation final : public Validation {
 public:
  TagValidation(LabelledTexts texts, std::vector<std::string> labels, const EncoderRunOptions& options)
      : texts_(std::move(texts)), labels_(std::move(labels)), options_(options) {}

  ValidationResult run(const Transformer& network, const Share& share) const override;

 private:
  LabelledTexts texts_;
  std::vector<std::string> labels_;
  EncoderRunOptions options_;
};

class ClassificationValidation final : public Validation {
 public:
  ClassificationValidation(LabelledTexts texts, const EncoderRunOptions& options) : texts_(std::move(texts)), options_(options) {}

  ValidationResult run(const Transformer& network, const Share& share) const override;

 private:
  LabelledTexts texts_;
  EncoderRunOptions options_;
};

// For questions with choices.
class ChoiceValidation final : public Validation {
 public:
  ChoiceValidation(ChoiceTexts texts, const EncoderRunOptions& options) : texts_(std::move(texts)), options_(options) {}

  ValidationResult run(const Transformer& network, const Share& share) const override;

 private:
  ChoiceTexts texts_;
  EncoderRunOptions options_;
};

// For the answers of conversations.
class AnswerValidation final : public Validation {
 public:
  AnswerValidation(LabelledTexts texts, const EncoderRunOptions& options) : texts_(std::move(texts)), options_(options) {}

  ValidationResult run(const Transformer& network, const Share& share) const override;

 private:
  LabelledTexts texts_;
  EncoderRunOptions options_;
};

}  // namespace qkv
