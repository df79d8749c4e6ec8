// The state of a Tokenizer and the way from a text to its ids.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/philox.h"
#include "qkv/tokenizer.h"
#include "text/files/tokenizer_parts.h"
#include "text/pipeline/pipeline.h"
#include "text/token_models/word_cache.h"
#include "text/unicode/lazy_text.h"

namespace qkv {

struct QKV_INTERNAL Tokenizer::Impl {
  LazyText json;       // the text of the files, saved unchanged
  std::string config;  // the same for tokenizer_config.json
  TokenizerParts parts;
  std::vector<const std::string*> tokens;   // by id; null: no token has this id
  std::vector<const std::string*> decoded;  // by id: the input of decoding
  std::vector<bool> special;                // by id
  std::vector<bool> skipped;                // by id, when decoding without special tokens
  std::vector<bool> control;                // special tokens with a role: beginning, end, padding, unknown, ...
  WordCuts word_cuts = WordCuts::none;      // places where texts are cut for encoding without offsets
  WordCache words;                          // ids of the text between such cuts
  bool special_as_text = false;             // default if the options do not specify it
  bool cleans_up = false;                   // whether decode removes spaces

  // Ids that must not result from a text: a text that spells them is ordinary text. Null: none.
  using Hidden = const std::vector<bool>*;

  void check(int32_t id) const {
    QKV_REQUIRE(id >= 0 && static_cast<size_t>(id) < tokens.size(), "there is no token of id {}: the tokenizer's ids are 0 to {}", id,
                tokens.size() - 1);
  }
  // Parameters of a random segmentation.
  struct Sampling {
    const SubwordSampling& how;
    RandomStream random;
  };
  // Appends the ids of a text to `ids` and, if `tokens` is not null, everything known about each token but its text to `tokens`.
  void encode(std::string_view text, Hidden hidden, std::vector<int32_t>& ids, std::vector<EncodedToken>* tokens,
              Sampling* sampling = nullptr) const;
  Encoding encode(std::span<const std::string_view> texts, const EncodeOptions& options) const;
  // The words of a text, including added tokens.
  std::vector<Span> word_ranges(std::string_view text, Hidden hidden) const;
  Hidden hidden(const EncodeOptions& options) const {
    if (!options.special_tokens_as_text.value_or(special_as_text)) return nullptr;
    return options.find_tags ? &control : &special;
  }

 private:
  struct Output {
    std::vector<int32_t>& ids;
    std::vector<EncodedToken>* tokens;
    Sampling* sampling;
    Hidden hidden;
    std::vector<Span> spans;             // scratch
    std::vector<Span>* words = nullptr;  // receives the words, if the tokens are wanted
  };
  void encode(std::string_view text, Output& output) const;
  void add_word(Span word, Output& output) const {
    if (output.words) output.words->push_back(word);
  }
  void encode_section(std::string_view input, Span section, Output& output) const;
  void encode_words(std::string_view text, Output& output) const;
  void encode_normalized(NormalizedText&& text, Output& output) const;
  void encode_piece(std::string_view piece, std::vector<int32_t>& ids, std::vector<Span>* spans, const Output& output) const;
  void add_token(int32_t id, Span offsets, std::string_view text, Output& output) const;
};

}  // namespace qkv
