// The files beside a vocabulary: tokenizer_config.json, special_tokens_map.json and added_tokens.json of `transformers`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "formats/json_node.h"
#include "text/stages/added_tokens.h"

namespace qkv {

class TokenizerConfig {
 public:
  TokenizerConfig() = default;
  // Missing files are fine; config.json is read for its model_type. Throws Error(bad_input) for a damaged file.
  explicit TokenizerConfig(const std::filesystem::path& directory);

  const std::string& text() const { return text_; }              // the text of tokenizer_config.json; empty: there is none
  bool exists() const { return exists_; }                        // whether any of the files exists
  const std::string& tokenizer_class() const { return class_; }  // the one selected by AutoTokenizer, without "Fast"; empty: unknown
  bool flag(const std::string& name, bool otherwise) const;
  bool has_flag(const std::string& name) const { return flags_.contains(name); }
  bool is_null(const std::string& name) const { return nulls_.contains(name); }
  int64_t number(const std::string& name, int64_t otherwise) const;
  // The token of a role such as "bos_token".
  std::string token(const std::string& role, const std::string& otherwise = "") const;

  // The added tokens: those that the files list with ids, and the tokens of roles with ids from `id_of` (-1: unknown; left out).
  std::vector<AddedToken> added_tokens(const std::map<std::string, std::string>& default_roles,
                                       const std::function<int32_t(const std::string&)>& id_of) const;

  // The two parts of that: tokens with ids (and whether the files give their flags or only the ids), and special ones, with or without a
  // role, whose ids are unknown.
  const std::vector<AddedToken>& listed_tokens() const { return listed_; }
  bool listed_with_flags() const { return listed_with_flags_; }
  std::vector<AddedToken> special_tokens() const;

 private:
  void read_config(const std::filesystem::path& file);
  void read_class(const std::filesystem::path& config, std::string named);
  void read_roles(const JsonNode& root);
  void read_added(const std::filesystem::path& file);

  std::string text_, class_;
  bool exists_ = false, listed_with_flags_ = false;
  bool lists_extra_ = false;  // whether a list of special tokens without a role was read
  std::map<std::string, bool> flags_;
  std::set<std::string> nulls_;  // keys whose value is null
  std::map<std::string, int64_t> numbers_;
  std::map<std::string, AddedToken> roles_;
  std::vector<AddedToken> additional_;  // special tokens without a role; their ids are still unknown
  std::vector<AddedToken> listed_;      // tokens with ids
};

}  // namespace qkv
