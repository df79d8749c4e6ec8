// Short texts with a label each, word by word: to learn from and to be judged by.
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

  // The files of --classification, or numbers spelled out, whose label is 1 for the even ones. `tokenizer` learns from the training texts.
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

// How BERT's encoder gets a text (Devlin et al. 2018, section 3): [CLS] words [SEP], either of which may be left out.
struct Frame {
  int32_t cls = -1, sep = -1;  // -1: left out
  int32_t mask = -1;
  int64_t max_words = 48;    // of a text: those beyond it are left out
  int64_t max_tokens = 256;  // and those that would make it longer than this
};

// The label is predicted at the first row: [CLS], or the first word's first token where there is none.
Batch label_batch(std::span<const LabelledText::Example* const> examples, const Frame& frame);
// Each text with `share` of its words hidden (rounded, one at least), which ones `random` says: all their tokens are shown as [MASK] and
// predicted. Words are chosen before they are cut, so that the same ones are hidden whatever the tokenizer. `hidden` gets them where it is
// given.
Batch masked_batch(std::span<const LabelledText::Example* const> examples, const Frame& frame, double share, RandomStream random,
                   std::vector<const WordTokens*>* hidden = nullptr);

}  // namespace qkv::lab
