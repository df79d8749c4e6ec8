// Byte-level tokenizers of tiktoken and tekken, in which every merge that makes a token has the token's rank, its id.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "text/files/tokenizer_text.h"
#include "text/pipeline/pipeline.h"
#include "text/stages/added_tokens.h"
#include "text/unicode/lazy_text.h"

namespace qkv {

struct RankTokenizer {
  // The tokenizer.json. Standard merges cannot express equal ranks, so the model has the additional member "rank_by_token", which other
  // readers ignore.
  LazyText json;
  std::string without_model;          // the tokenizer.json without vocabulary and merges
  std::unique_ptr<TokenModel> model;  // vocabulary and merges, so that no text has to be written and parsed again
};

struct RankStages {
  std::vector<AddedToken> added;
  std::string pattern;  // patterns::kGpt2 is handled by the pre-tokenizer ByteLevel
  bool nfc = false;
  std::vector<SpecialId> before = {};  // prepended to each text
};

// `tokens`: bytes by id; empty ones are holes. Throws Error(bad_input) that names `file` if two are equal, a single byte is missing, or
// there are far too many merges.
RankTokenizer make_rank_tokenizer(std::vector<std::string> tokens, RankStages stages, const std::string& file);

}  // namespace qkv
