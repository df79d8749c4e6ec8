// What the files beside a vocabulary say about it: tokenizer_config.json, special_tokens_map.json, added_tokens.json of `transformers`.
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
  // Files that are missing say nothing; config.json is read for its model_type. Throws Error(bad_input) for one that is damaged.
  explicit TokenizerConfig(const std::filesystem::path& directory);

  const std::string& text() const { return text_; }              // of tokenizer_config.json, empty: there is none
  bool exists() const { return exists_; }                        // is any of the files there?
  const std::string& tokenizer_class() const { return class_; }  // that AutoTokenizer takes, without "Fast"; empty: not known
  bool flag(const std::string& name, bool otherwise) const;
  bool has_flag(const std::string& name) const { return flags_.contains(name); }
  bool is_null(const std::string& name) const { return nulls_.contains(name); }
  int64_t number(const std::string& name, int64_t otherwise) const;
  // The token of a role, "bos_token" and the like.
  std::string token(const std::string& role, const std::string& otherwise = "") const;

  // The added tokens: those that the files list with their ids, and the tokens of roles, whose ids `id_of` knows (-1: none; left out).
  std::vector<AddedToken> added_tokens(const std::map<std::string, std::string>& default_roles,
                                       const std::function<int32_t(const std::string&)>& id_of) const;

  // The parts of that: tokens with ids (do the files give their flags, or the ids alone?), and special ones, with a role or without, whose
  // ids are not known.
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
  bool lists_extra_ = false;  // was a list of special tokens without a role read?
  std::map<std::string, bool> flags_;
  std::set<std::string> nulls_;  // keys that are there as null
  std::map<std::string, int64_t> numbers_;
  std::map<std::string, AddedToken> roles_;
  std::vector<AddedToken> additional_;  // special tokens without a role; their ids are not known yet
  std::vector<AddedToken> listed_;      // tokens with ids
};

}  // namespace qkv
