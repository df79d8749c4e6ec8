// Text to text: tokenize, search in batches of similar length, detokenize, in the order of the input.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "decode/search.h"
#include "models/model.h"
#include "qkv/tokenizer.h"
#include "qkv/translator.h"

namespace qkv {

// A text with more tokens than the model has positions.
struct LongText {
  int64_t line, tokens;
};

struct TranslateOptions {
  SearchOptions search;
  DType dtype = DType::f32;      // of activations
  int64_t batch_tokens = 4096;   // source tokens times beams in a batch
  bool truncate = false;         // cut what is longer than the model's positions instead of throwing
  int64_t first_line = 1;        // number of the first text in messages
  bool warn_of_unknown = false;  // of characters and words that the tokenizer does not know
  // Where set, a text that is longer than the model's positions becomes an empty one and is listed here.
  std::vector<LongText>* too_long = nullptr;
};

// The caller's choices over those of the model's generation_config.json. Throws (invalid_argument) where one cannot be right for the model.
TranslateOptions resolve_options(const TranslatorOptions& chosen, const Model& model);

// Throws Error(unsupported) where the network does not turn a text into another.
void check_translates(const TransformerConfig& config);

// Translates all texts. `network` may be any Transformer with the tokenizer's vocabulary. A text that is empty or blank becomes an
// empty one. Invalid UTF-8 is replaced by U+FFFD with a warning. Throws where a text has more tokens than the model has positions (the
// message names the line) unless options.truncate or options.too_long.
std::vector<Translation> translate(const Transformer& network, const Tokenizer& tokenizer, std::span<const std::string> texts,
                                   const TranslateOptions& options);

// The ids that the encoder gets for a text, special tokens included.
struct EncodedSource {
  std::vector<int32_t> ids;
  bool cut = false;    // there were more than the model has positions
  int64_t tokens = 0;  // so many
};
// Throws where there are too many ids and not `truncate`, or where one is outside the model's vocabulary; `where` is "line 7", say.
EncodedSource encode_source(const Tokenizer& tokenizer, const TransformerConfig& config, std::string_view text, bool truncate,
                            std::string_view where);

// "line 4", or "lines 4, 7, 9 and 12 more".
std::string list_lines(std::span<const int64_t> lines);

// The text of a hypothesis: without the token that ends it, special or not.
std::string text_of(const Tokenizer& tokenizer, const TransformerConfig& config, std::span<const int32_t> hypothesis);
// The text of ids, without special tokens. Ids beyond the tokenizer have none: a model's vocabulary may be rounded up.
std::string text_of(const Tokenizer& tokenizer, std::span<const int32_t> ids);

}  // namespace qkv
