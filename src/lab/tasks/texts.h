// The real texts of the lab, tokenized once and shared by all runs. Missing ones come from the demo generator: numbers spelled out.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "evaluate/batch_source.h"
#include "evaluate/validation.h"
#include "lab/record/experiment.h"
#include "lab/tasks/synthetic.h"
#include "qkv/cancellation.h"
#include "text/training/tokenizer_trainer.h"

namespace qkv::lab {

// `sequences` windows of `context` tokens at random places; each token predicts the next.
Batch random_windows(std::span<const int32_t> tokens, int64_t sequences, int64_t context, RandomStream random);

// A plain text: its first 90 % for training, the rest for evaluation.
class PlainText {
 public:
  // `tokenizer` specifies the segmentation and is trained on the first part. Thread-safe: the first caller reads, the others wait.
  static const PlainText& of(const Job& job, const TokenizerTrainerOptions& tokenizer = {.pipeline = TokenizerPipeline::characters});

  int vocab_size() const { return tokenizer_->vocab_size(); }
  const Tokenizer& tokenizer() const { return *tokenizer_; }
  std::span<const int32_t> training() const { return training_; }
  std::span<const int32_t> test() const { return test_; }
  double bytes_per_token() const { return bytes_per_token_; }  // of the test part

  // random_windows() of the training part.
  Batch training_batch(int64_t sequences, int64_t context, RandomStream random) const;
  // Windows `first` to `first` + `count` - 1 of the contiguous ones of the test part.
  Batch test_batch(int64_t first, int64_t count, int64_t context) const;
  // Bits per byte of the first `windows` contiguous windows of the test part, without the cost of each window's first token.
  double bits_per_byte(const Network& network, int64_t windows, int64_t context, DType dtype = DType::f32) const;

 private:
  PlainText(const Job& job, const TokenizerTrainerOptions& tokenizer);
  std::unique_ptr<Tokenizer> tokenizer_;
  std::vector<int32_t> training_, test_;
  double bytes_per_token_ = 1;
  const CancellationToken* cancellation_;
};

// Sentence pairs: all but the last 1,000 lines for training, those for evaluation.
class Pairs {
 public:
  // `parted_words`: separates words and punctuation marks by spaces (words.h), so that tokenizers differ in nothing else.
  static const Pairs& of(const Job& job, const TokenizerTrainerOptions& tokenizer, bool parted_words = false);

  const Tokenizer& tokenizer() const { return *tokenizer_; }
  // Batches of pairs of similar length; `seed` determines their order.
  std::unique_ptr<PairSource> training(uint64_t seed, int64_t batch_tokens, int32_t decoder_start) const;
  // The held-out lines in batches, for evaluation.
  std::unique_ptr<PairSource> test(int64_t batch_tokens, int32_t decoder_start) const;
  // `pairs` random pairs, the same for every tokenizer.
  TrainingBatch training_batch(int64_t pairs, int32_t decoder_start, RandomStream random) const;
  // Loss and BLEU of the first `lines` of the held-out lines, translated greedily.
  std::unique_ptr<TranslationValidation> validation(int64_t lines, DType dtype = DType::f32) const;
  const std::vector<std::string>& training_sources() const { return training_sources_; }
  const std::vector<std::string>& training_targets() const { return training_targets_; }
  const std::vector<std::string>& test_sources() const { return test_sources_; }
  const std::vector<std::string>& test_references() const { return test_references_; }

 private:
  Pairs(const Job& job, const TokenizerTrainerOptions& tokenizer, bool parted_words, const std::filesystem::path& directory);
  std::filesystem::path directory_;
  const CancellationToken* cancellation_;
  std::unique_ptr<Tokenizer> tokenizer_;
  std::optional<ParallelCorpus> corpus_;
  std::vector<std::string> training_sources_, training_targets_, test_sources_, test_references_;
};

}  // namespace qkv::lab
