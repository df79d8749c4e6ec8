// The inside of a Tokenizer, for code that makes one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/json_node.h"
#include "qkv/tokenizer.h"
#include "text/files/tokenizer_files.h"
#include "text/pipeline/pipeline.h"
#include "text/stages/added_tokens.h"

namespace qkv {

// The stages of a tokenizer.json; optional ones may be null.
struct TokenizerParts {
  std::unique_ptr<Normalizer> normalizer;
  std::unique_ptr<PreTokenizer> pre_tokenizer;
  std::unique_ptr<TokenModel> model;
  std::unique_ptr<PostProcessor> post_processor;
  std::unique_ptr<Decoder> decoder;
  std::unique_ptr<AddedTokens> added_tokens;
  std::optional<Truncation> truncation;
  bool model_is_bpe = false;
};

struct TokenizerFiles;

struct TokenizerAccess {
  // A tokenizer from the text of a tokenizer.json and of the tokenizer_config.json beside it (empty: one is generated when it is saved).
  // `file` is the name in messages.
  static Tokenizer from_json(std::string tokenizer_json, std::string config_json, const std::string& file);
  // From a file of any kind that was read (tokenizer_files.h).
  static Tokenizer from_files(TokenizerFiles files);

  // The output of decode() before clean-up (clean_up.h), and whether there is any clean-up.
  static std::string decode_as_is(const Tokenizer& tokenizer, std::span<const int32_t> ids, bool skip_special_tokens = true);
  static bool cleans_up(const Tokenizer& tokenizer);
  static bool is_left_out(const Tokenizer& tokenizer, int32_t id);  // from a text without special tokens

  // The words of a text, which the model cuts into tokens: what the pre-tokenizer makes of it, and added tokens. Bytes of the text,
  // ascending.
  static std::vector<ByteRange> word_ranges(const Tokenizer& tokenizer, std::string_view text, const EncodeOptions& options);
  // Whether models of this tokenizer read the types of tokens.
  static bool gives_token_types(const Tokenizer& tokenizer);
  // Whether tokens inside a word have a prefix, such as "##", that they are recognized by.
  static bool marks_continuations(const Tokenizer& tokenizer);

  // The text of the tokenizer.json it was made from, which determines its ids.
  static const std::string& json(const Tokenizer& tokenizer);
};

}  // namespace qkv
