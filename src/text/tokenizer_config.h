// What the files beside a vocabulary say about it: tokenizer_config.json, special_tokens_map.json, added_tokens.json of `transformers`.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "text/added_tokens.h"

namespace qkv {

class TokenizerConfig {
 public:
  TokenizerConfig() = default;
  // Files that are missing say nothing. Throws Error(bad_input) for one that is damaged.
  explicit TokenizerConfig(const std::filesystem::path& directory);

  const std::string& text() const { return text_; }  // of tokenizer_config.json, empty: there is none
  bool exists() const { return !text_.empty(); }
  const std::string& tokenizer_class() const { return class_; }  // without "Fast" at its end; empty: not known
  bool flag(const std::string& name, bool otherwise) const;
  bool has_flag(const std::string& name) const { return flags_.contains(name); }
  // The token of a role, "bos_token" and the like.
  std::string token(const std::string& role, const std::string& otherwise = "") const;

  // The added tokens: those that the files list with their ids, and the tokens of roles, whose ids `id_of` knows (-1: none; left out).
  std::vector<AddedToken> added_tokens(const std::map<std::string, std::string>& default_roles,
                                       const std::function<int32_t(const std::string&)>& id_of) const;

 private:
  void read_config(const std::filesystem::path& file);
  void read_roles(const std::filesystem::path& file);
  void read_added(const std::filesystem::path& file);

  std::string text_, class_;
  std::map<std::string, bool> flags_;
  std::map<std::string, AddedToken> roles_;
  std::vector<AddedToken> additional_;  // special tokens without a role; their ids are not known yet
  std::vector<AddedToken> listed_;      // tokens with ids
};

}  // namespace qkv
