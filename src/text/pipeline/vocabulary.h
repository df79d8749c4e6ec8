// Tokens and their ids.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace qkv {

class Vocabulary {
 public:
  Vocabulary() : Vocabulary(std::vector<std::string>()) {}
  // tokens[id] is the token; an empty string is a hole, an id without a token. Tokens must be unique; of duplicates the first is found.
  explicit Vocabulary(std::vector<std::string> tokens);
  Vocabulary(Vocabulary&&) noexcept = default;
  Vocabulary& operator=(Vocabulary&&) noexcept = default;
  Vocabulary(const Vocabulary&) = delete;  // large, and never needed twice
  Vocabulary& operator=(const Vocabulary&) = delete;

  int32_t size() const { return static_cast<int32_t>(tokens_.size()); }           // the largest id plus one, including holes
  int32_t id(std::string_view token) const { return id(token, hash_of(token)); }  // -1: not a token
  // Lookup in two steps, for many tokens at once: the first step prefetches the memory that the second one needs.
  uint64_t look_ahead(std::string_view token) const;
  int32_t id(std::string_view token, uint64_t hash) const;
  const std::string& token(int32_t id) const { return tokens_[static_cast<size_t>(id)]; }
  bool has_equal_tokens() const { return has_equal_tokens_; }

 private:
  // A hash table with open addressing: at least half of the slots are empty.
  struct Slot {
    uint32_t tag = 0;  // part of the token's hash, so that usually only one token is compared
    int32_t id = -1;   // -1: empty
  };
  static uint64_t hash_of(std::string_view token);
  size_t place(std::string_view token, uint64_t hash) const;

  std::vector<std::string> tokens_;
  std::vector<Slot> slots_;
  bool has_equal_tokens_ = false;
};

}  // namespace qkv
