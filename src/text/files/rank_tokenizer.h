// Byte-level tokenizers in which all ways to make a token are of the token's rank, its id: tiktoken's and tekken's.
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
  // The tokenizer.json. Its merges cannot say that all ways to make a token are of equal rank: the model has the member "rank_by_token",
  // which other readers pass over.
  LazyText json;
  std::string without_model;          // the same with the type of the model alone: vocabulary and merges are
  std::unique_ptr<TokenModel> model;  // here, so that no text need be written and read again
};

struct RankStages {
  std::vector<AddedToken> added;
  std::string pattern;  // patterns::kGpt2 is left to the pre-tokenizer ByteLevel
  bool nfc = false;
  std::vector<SpecialId> before = {};  // put in front of each text
};

// `tokens`: bytes by id; empty ones are holes. Throws Error(bad_input) that names `file` where two are equal, a single byte is missing, or
// there are far too many ways to join them.
RankTokenizer make_rank_tokenizer(std::vector<std::string> tokens, RankStages stages, const std::string& file);

}  // namespace qkv
