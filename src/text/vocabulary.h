// Tokens and their ids.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace qkv {

class Vocabulary {
 public:
  Vocabulary() = default;
  // tokens[id] is the token; an empty string is a hole, an id without a token. The tokens must differ.
  explicit Vocabulary(std::vector<std::string> tokens);
  Vocabulary(Vocabulary&&) noexcept = default;
  Vocabulary& operator=(Vocabulary&&) noexcept = default;
  Vocabulary(const Vocabulary&) = delete;  // the index points into the tokens
  Vocabulary& operator=(const Vocabulary&) = delete;

  int32_t size() const { return static_cast<int32_t>(tokens_.size()); }  // the largest id and one, holes counted
  int32_t id(std::string_view token) const {                             // -1: not a token
    const auto found = index_.find(token);
    return found == index_.end() ? -1 : found->second;
  }
  const std::string& token(int32_t id) const { return tokens_[static_cast<size_t>(id)]; }

 private:
  std::vector<std::string> tokens_;
  std::unordered_map<std::string_view, int32_t> index_;
};

}  // namespace qkv
