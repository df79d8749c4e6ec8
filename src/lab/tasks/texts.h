// The real texts of the lab, tokenized once and shared by all runs. What is not given comes from the demo generator: numbers spelled out.
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

// A plain text: its first 90 % to learn from, the rest to be judged by.
class PlainText {
 public:
  // `tokenizer` says how it is cut; it learns from the first part. Thread-safe: the first caller reads, the others wait.
  static const PlainText& of(const Job& job, const TokenizerTrainerOptions& tokenizer = {.pipeline = TokenizerPipeline::characters});

  int vocab_size() const { return tokenizer_->vocab_size(); }
  const Tokenizer& tokenizer() const { return *tokenizer_; }
  std::span<const int32_t> training() const { return training_; }
  std::span<const int32_t> test() const { return test_; }
  double bytes_per_token() const { return bytes_per_token_; }  // of the test part

  // `sequences` windows of `context` tokens from places that the stream draws; each token predicts the next.
  Batch training_batch(int64_t sequences, int64_t context, RandomStream random) const;
  // Windows `first` to `first` + `count` - 1 of those of the test part that lie end to end.
  Batch test_batch(int64_t first, int64_t count, int64_t context) const;
  // Bits per byte of the first `windows` windows of the test part that lie end to end, without what the first token of each needs.
  double bits_per_byte(const Network& network, int64_t windows, int64_t context, DType dtype = DType::f32) const;

 private:
  PlainText(const Job& job, const TokenizerTrainerOptions& tokenizer);
  std::unique_ptr<Tokenizer> tokenizer_;
  std::vector<int32_t> training_, test_;
  double bytes_per_token_ = 1;
  const CancellationToken* cancellation_;
};

// Sentence pairs: all but the last 1,000 lines to learn from, those to be judged by.
class Pairs {
 public:
  // `parted_words`: words and punctuation marks with a space between them (words.h), so that tokenizers differ in nothing else.
  static const Pairs& of(const Job& job, const TokenizerTrainerOptions& tokenizer, bool parted_words = false);

  const Tokenizer& tokenizer() const { return *tokenizer_; }
  // Batches of pairs of similar length; `seed` decides their order.
  std::unique_ptr<PairSource> training(uint64_t seed, int64_t batch_tokens, int32_t decoder_start) const;
  // The held-out lines in batches, to be judged by.
  std::unique_ptr<PairSource> test(int64_t batch_tokens, int32_t decoder_start) const;
  // `pairs` pairs that the stream draws, the same for every tokenizer.
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
