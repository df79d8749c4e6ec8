// What is inside of a Tokenizer, for those that make one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "formats/json_node.h"
#include "qkv/tokenizer.h"
#include "text/files/tokenizer_files.h"
#include "text/pipeline/pipeline.h"
#include "text/stages/added_tokens.h"

namespace qkv {

// The stages of a tokenizer.json; those that may be missing are null.
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
  // A tokenizer from the text of a tokenizer.json and of the tokenizer_config.json beside it (empty: one is made when it is saved).
  // `file` is what messages name.
  static Tokenizer from_json(std::string tokenizer_json, std::string config_json, const std::string& file);
  // The same from a file of any kind that was read (tokenizer_files.h).
  static Tokenizer from_files(TokenizerFiles files);

  // What decode() gives, before spaces are cleaned up (clean_up.h); and whether they are.
  static std::string decode_as_is(const Tokenizer& tokenizer, std::span<const int32_t> ids, bool skip_special_tokens = true);
  static bool cleans_up(const Tokenizer& tokenizer);
  static bool is_left_out(const Tokenizer& tokenizer, int32_t id);  // of a text without special tokens

  // The text of the tokenizer.json that it was made from: what its ids depend on.
  static const std::string& json(const Tokenizer& tokenizer);
};

}  // namespace qkv
