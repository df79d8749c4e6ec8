// Translation from text to text in input order: tokenizes, searches in batches of similar length, and detokenizes.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "decode/languages.h"
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
  std::optional<SourceTokens> source_tokens;      // of a multilingual model; empty: what the tokenizer adds
  DType dtype = DType::f32;                       // type of activations
  int64_t batch_tokens = 4096;                    // source tokens times beams per batch; a thread may have a batch of its own
  bool truncate = false;                          // truncate texts with more tokens than the model has positions instead of throwing
  int64_t first_line = 1;                         // line number of the first text in messages
  std::function<void(int64_t done)> on_progress;  // on the calling thread, now and then: texts that are done
  bool warn_of_unknown = false;                   // about characters and words unknown to the tokenizer
  // If set, texts with more tokens than the model has positions are listed here and translated as empty texts.
  std::vector<LongText>* too_long = nullptr;
};

// Options for the model: the caller's choices override its generation_config.json. Throws (invalid_argument) for values that are impossible
// for the model.
TranslateOptions resolve_options(const TranslatorOptions& chosen, const Model& model);
// Applies the chosen languages to the options; `directory`: the model's.
void resolve_languages(const TranslatorOptions& chosen, const Model& model, const Tokenizer& tokenizer,
                       const std::filesystem::path& directory, TranslateOptions& options);

// Throws Error(unsupported) if the network does not translate texts.
void check_translates(const TransformerConfig& config);

// Translates all texts. `network` may be any Transformer with the tokenizer's vocabulary. An empty or blank text becomes an empty one.
// Invalid UTF-8 is replaced by U+FFFD with a warning. Throws an error with the line number if a text has more tokens than the model has
// positions, unless options.truncate or options.too_long is set.
std::vector<Translation> translate(const Transformer& network, const Tokenizer& tokenizer, std::span<const std::string> texts,
                                   const TranslateOptions& options);

// The encoder's input ids of a text, including special tokens.
struct EncodedSource {
  std::vector<int32_t> ids;
  bool cut = false;    // there were more ids than the model has positions
  int64_t tokens = 0;  // number of ids before truncation
};
// Throws if there are too many ids and `truncate` is false, or if an id is outside the model's vocabulary; `where` names the text in
// messages, such as "line 7". `around`: the model's languages, if it has several.
EncodedSource encode_source(const Tokenizer& tokenizer, const TransformerConfig& config, std::string_view text, bool truncate,
                            std::string_view where, const std::optional<SourceTokens>& around = {});

// Formats line numbers: "line 4", or "lines 4, 7, 9 and 12 more".
std::string list_lines(std::span<const int64_t> lines);

// The text of a hypothesis without its end token, special or not.
std::string text_of(const Tokenizer& tokenizer, const TransformerConfig& config, std::span<const int32_t> hypothesis);
// The text of ids, without special tokens. Ids beyond the tokenizer's vocabulary are ignored: a model's vocabulary may be padded.
std::string text_of(const Tokenizer& tokenizer, std::span<const int32_t> ids);

}  // namespace qkv
