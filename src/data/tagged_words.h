// Sentences whose words have labels, in columns as those of the CoNLL tasks (Tjong Kim Sang and De Meulder 2003), and their tokens.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/text_source.h"
#include "data/labelled_texts.h"

namespace qkv {

struct TaggedWords {
  struct Sentence {
    std::vector<std::string> words, labels;
    size_t offset = 0;  // of its first line in source.text()

    std::string text() const;  // the words with a space between them
  };
  TextSource source;
  std::vector<Sentence> sentences;

  uint64_t hash() const;  // of words and labels
};

// Each line is a word and its label, the first and the last of columns with spaces or tabs between them; blank lines separate sentences.
// Lines with -DOCSTART- as the word, and comments ("# " at the beginning, as in CoNLL-U, and no label behind a tab), are left out. Throws
// Error(bad_input) that names the file and line for a line of one column and for invalid UTF-8, and if there is no sentence.
TaggedWords read_tagged_words(const TextSource& source);

// The different labels, "O" first, then by name. Throws Error(bad_input) if there is only one.
std::vector<std::string> label_names(const TaggedWords& words);

struct HeldOutSentences {
  TaggedWords training, validation;
};
HeldOutSentences hold_out_sentences(const TaggedWords& words, int64_t count, uint64_t seed);

// Tokenizes the sentences with special tokens, on all threads; the first token of each word predicts its label. Words behind `max_tokens`
// tokens, and words of which the tokenizer keeps nothing, predict nothing. Throws Error(bad_input) that names the line if a label is not
// among `names`.
LabelledTexts tokenize_tagged_words(const TaggedWords& words, std::span<const std::string> names, const Tokenizer& tokenizer,
                                    int64_t max_tokens);

}  // namespace qkv
