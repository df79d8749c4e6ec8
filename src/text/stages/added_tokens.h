// Tokens that are found in the text itself before the model runs: special ones such as </s>, and words added later.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/pipeline/pipeline.h"

namespace qkv {

struct AddedToken {
  int32_t id = 0;
  std::string content;
  bool single_word = false;  // only if no word character is adjacent
  bool lstrip = false;       // absorbs the white space before it
  bool rstrip = false;       // absorbs the white space after it
  bool normalized = true;    // searched in the normalized text, in its normalized form
  bool special = false;      // omitted by decode with skip_special_tokens
  bool searched = true;      // whether it is searched in the text at all
  std::string pattern;       // the text to search and to decode to: the content, or its normalized form (set by AddedTokens)

  bool same_flags(const AddedToken& other) const {
    return single_word == other.single_word && lstrip == other.lstrip && rstrip == other.rstrip && normalized == other.normalized &&
           special == other.special;
  }
};

// Finds the tokens of one set: the leftmost match, and the longest one at a place.
class AddedTokenFinder {
 public:
  struct Section {
    size_t begin, end;  // bytes
    int32_t id;         // -1: text between added tokens
  };
  explicit AddedTokenFinder(std::vector<AddedToken> tokens);

  bool empty() const { return tokens_.empty(); }
  // False if find() certainly returns the text as one section.
  bool may_find(std::string_view text) const;
  // The sections of a text, without empty ones. Tokens whose id is in `hidden` (null: none) are skipped, as in `tokenizers` with
  // encode_special_tokens.
  std::vector<Section> find(std::string_view text, const std::vector<bool>* hidden = nullptr) const;

 private:
  struct Match {
    size_t token;   // index
    size_t length;  // 0: none
  };
  Match longest_at(std::string_view text, size_t position) const;

  struct Node {  // of a trie over bytes; children form a linked list of siblings
    unsigned char byte = 0;
    int32_t first_child = -1, next_sibling = -1;
    int32_t token = -1;
  };
  int32_t child(int32_t node, unsigned char byte) const;

  std::vector<AddedToken> tokens_;
  std::vector<Node> nodes_;
  std::vector<int32_t> roots_;  // [256]: child of the root for each byte, or -1
  std::string first_bytes_;     // the bytes that have a root
};

class AddedTokens {
 public:
  // `normalizer` may be null; it normalizes the tokens that are searched in normalized text.
  AddedTokens(std::vector<AddedToken> tokens, const Normalizer* normalizer);

  const std::vector<AddedToken>& tokens() const { return tokens_; }
  const AddedTokenFinder& raw() const { return raw_; }                // for the raw text
  const AddedTokenFinder& normalized() const { return normalized_; }  // for the normalized text

 private:
  std::vector<AddedToken> tokens_;
  AddedTokenFinder raw_, normalized_;
};

}  // namespace qkv
