// Short labelled texts, word by word, for training and evaluation.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lab/record/experiment.h"
#include "lab/tasks/synthetic.h"
#include "lab/tasks/words.h"
#include "text/training/tokenizer_trainer.h"

namespace qkv::lab {

class LabelledText {
 public:
  struct Example {
    std::vector<WordTokens> words;
    int32_t label = 0;
  };

  // The files of --classification, or numbers spelled out, with label 1 for even ones. `tokenizer` is trained on the training texts.
  // Thread-safe: the first caller reads, the others wait.
  static const LabelledText& of(const Job& job, const TokenizerTrainerOptions& tokenizer);

  const Tokenizer& tokenizer() const { return *tokenizer_; }
  const std::vector<std::string>& training_texts() const { return training_texts_; }
  const std::vector<Example>& training() const { return training_; }
  const std::vector<Example>& test() const { return test_; }
  int classes() const { return classes_; }

 private:
  LabelledText(const Job& job, const TokenizerTrainerOptions& tokenizer);
  std::unique_ptr<Tokenizer> tokenizer_;
  std::vector<std::string> training_texts_;
  std::vector<Example> training_, test_;
  int classes_ = 2;
};

// The input format of BERT's encoder (Devlin et al. 2018, section 3): [CLS] words [SEP], either of which may be left out.
struct Frame {
  int32_t cls = -1, sep = -1;  // -1: left out
  int32_t mask = -1;
  int64_t max_words = 48;    // of a text; further words are dropped
  int64_t max_tokens = 256;  // further words are also dropped if the text would exceed this
};

// The label is predicted at the first row: [CLS], or the first word's first token without it.
Batch label_batch(std::span<const LabelledText::Example* const> examples, const Frame& frame);
// Each text with a random `share` of its words hidden (rounded, at least one): all their tokens are shown as [MASK] and predicted. Words
// are chosen before tokenization, so that every tokenizer hides the same ones. `hidden`, if given, receives them.
Batch masked_batch(std::span<const LabelledText::Example* const> examples, const Frame& frame, double share, RandomStream random,
                   std::vector<const WordTokens*>* hidden = nullptr);

}  // namespace qkv::lab
