// Text to text: tokenize, search in batches of similar length, detokenize, in the order of the input.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "decode/search.h"
#include "models/model.h"
#include "qkv/tokenizer.h"

namespace qkv {

struct TranslateOptions {
  SearchOptions search;
  DType dtype = DType::f32;      // of activations
  int64_t batch_tokens = 4096;   // source tokens times beams in a batch
  bool truncate = false;         // cut what is longer than the model's positions instead of throwing
  int64_t first_line = 1;        // number of the first text in messages
};

struct Translation {
  struct Candidate {
    std::string text;
    float score = 0;
    std::vector<float> token_scores;
    std::vector<std::string> tokens;
  };
  std::vector<Candidate> candidates;  // best first; one with an empty text for an empty line
};

// Translates all texts. `network` may be any EncoderDecoder with the tokenizer's vocabulary. Throws where a text has more tokens than
// the model has positions (the message names the line) unless options.truncate.
std::vector<Translation> translate(const EncoderDecoder& network, const Tokenizer& tokenizer, std::span<const std::string> texts,
                                   const TranslateOptions& options);

}  // namespace qkv
