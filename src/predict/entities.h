// From labels of tokens to entities, as transformers' TokenClassificationPipeline does it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "qkv/tagger.h"
#include "qkv/tokenizer.h"

namespace qkv {

struct TokenScores {
  ByteRange bytes;
  bool continues_word = false;  // the token belongs to the word of the one before
  std::vector<double> p;        // probability of each label
};

// Entities, or tokens for Aggregation::none, of one sequence of tokens, including those with the label "O".
std::vector<TaggedSpan> find_spans(std::span<const TokenScores> tokens, std::span<const std::string> labels, Aggregation aggregation);

// Entities of overlapping windows: of those that overlap the longest stays, among equally long ones the surest.
std::vector<TaggedSpan> merge_windows(std::vector<TaggedSpan> spans);

// Whether each token belongs to the word of the one before. With `marked`, tokens inside a word have a prefix in the vocabulary and are
// therefore longer than their text. Otherwise a token continues a word unless there is a space before it or at its beginning.
std::vector<bool> continued_words(const Tokenizer& tokenizer, const Encoding& encoding, std::string_view text, bool marked);

}  // namespace qkv
