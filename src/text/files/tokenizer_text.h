// Writes the text of a tokenizer.json for a tokenizer that comes from other files.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/stages/added_tokens.h"

namespace qkv {

// Everything around the model. Values that stay null are null in the file.
class TokenizerText {
 public:
  // `stages`: an object with some of "normalizer", "pre_tokenizer", "post_processor", "decoder".
  TokenizerText(const std::vector<AddedToken>& added_tokens, const nlohmann::ordered_json& stages);

  // Starts "model" with the object's members. The calls below add members that are too large for a JSON value.
  void model(const nlohmann::ordered_json& members);
  void plain_bpe(bool ignore_merges);                                              // starts "model" for byte-level BPE without options
  void vocabulary(std::span<const std::string> tokens);                            // by id; empty ones are left out
  void scored_vocabulary(std::span<const std::pair<std::string, double>> tokens);  // in Unigram's format
  void merges(std::span<const std::string> tokens, std::span<const std::pair<int32_t, int32_t>> pairs);
  void member(std::string_view name, const nlohmann::ordered_json& value);
  std::string finish() &&;

 private:
  std::string json_;
};

// Ids before and behind a text: the post-processor TemplateProcessing. Null for none.
struct SpecialId {
  std::string token;
  int32_t id;
};
nlohmann::ordered_json make_template(std::span<const SpecialId> before, std::span<const SpecialId> behind);

}  // namespace qkv
