// Labels texts, or pairs of texts, with a classifier from a directory with config.json, model.safetensors and tokenizer.json, as written by
// qkv train --task classification and transformers' save_pretrained (BertForSequenceClassification and the like, with one label, several
// labels or numbers; BertForNextSentencePrediction), or a cross-encoder of sentence-transformers. Thread safety: one Classifier may be used
// from any number of threads; its calls run one after another, each on all threads that qkv may use.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "qkv/cancellation.h"
#include "qkv/export.h"
#include "qkv/inference_type.h"

namespace qkv {

// How the model's outputs become scores.
enum class ScoreFunction {
  automatic,  // as the directory says: that of a cross-encoder, or as transformers' TextClassificationPipeline
  softmax,    // probabilities of labels of which one holds
  sigmoid,    // a probability of each label by itself
  none,       // the outputs
};

struct ClassifyOptions {
  ScoreFunction scores = ScoreFunction::automatic;
  int64_t batch_tokens = 8192;  // tokens per batch, at least 1; a single text may have more
  const CancellationToken* cancellation = nullptr;
};

struct TextPair {
  std::string first, second;
};

struct LabelScore {
  int32_t label = 0;  // index in Classifier::labels()
  double score = 0;   // a probability, or the number that a regression or ScoreFunction::none gives
};

// The result for one text.
struct Classification {
  std::vector<LabelScore> labels;  // all labels, largest score first; never empty
  bool cut = false;                // true if the text has more tokens than the model takes, so that only the first ones were read
};

class QKV_API Classifier {
 public:
  // Throws qkv::Error with one line that names the file and its fault: unsupported if the model is not a classifier, bad_input or io for
  // its files.
  static Classifier open(const std::filesystem::path& directory, InferenceType dtype = InferenceType::f32);

  Classifier(Classifier&&) noexcept;
  Classifier& operator=(Classifier&&) noexcept;
  ~Classifier();

  // Names from id2label of config.json. Those of a model that tells whether a text follows another are "follows" and "does not follow".
  const std::vector<std::string>& labels() const;
  int64_t max_tokens() const;            // largest number of tokens of a text or pair, including special ones
  bool needs_pairs() const;              // the model tells whether a text follows another
  ScoreFunction score_function() const;  // what ScoreFunction::automatic stands for

  // Returns one result per text in order; a result does not depend on the other texts. Invalid UTF-8 is read as U+FFFD; special tokens
  // spelled out in a text are ordinary characters. Throws qkv::Error: OptionError (invalid_argument) for options, invalid_argument for
  // single texts if needs_pairs(), interrupted if it was cancelled.
  std::vector<Classification> classify(std::span<const std::string> texts, const ClassifyOptions& options = {}) const;
  // As above, for pairs. If a pair has too many tokens, the longer text is cut first. Throws Error(unsupported), too, if the tokenizer has
  // no rule for pairs.
  std::vector<Classification> classify(std::span<const TextPair> pairs, const ClassifyOptions& options = {}) const;

 private:
  struct Impl;
  QKV_INTERNAL explicit Classifier(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace qkv
