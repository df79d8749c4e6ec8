// Tokens that are found in the text itself, before the model sees it: special ones such as </s>, and words added later.
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
  bool single_word = false;  // only where no word character stands beside it
  bool lstrip = false;       // takes the white space before it with it
  bool rstrip = false;       // and after it
  bool normalized = true;    // looked for in the normalized text, in its normalized form
  bool special = false;      // left out by decode with skip_special_tokens
  bool searched = true;      // looked for in the text at all
  std::string pattern;       // what is looked for and what decode writes: the content, or its normalized form (set by AddedTokens)

  bool same_flags(const AddedToken& other) const {
    return single_word == other.single_word && lstrip == other.lstrip && rstrip == other.rstrip && normalized == other.normalized &&
           special == other.special;
  }
};

// Finds the tokens of one set: the leftmost, and of several at a place the longest.
class AddedTokenFinder {
 public:
  struct Section {
    size_t begin, end;  // bytes
    int32_t id;         // -1: text between added tokens
  };
  explicit AddedTokenFinder(std::vector<AddedToken> tokens);

  bool empty() const { return tokens_.empty(); }
  // False where find() certainly gives the text as one section.
  bool may_find(std::string_view text) const;
  // The sections of a text, empty ones left out. A token whose id is among `hidden` (null: none are) is passed over where it is met, as
  // `tokenizers` does it with encode_special_tokens.
  std::vector<Section> find(std::string_view text, const std::vector<bool>* hidden = nullptr) const;

 private:
  struct Match {
    size_t token;   // index
    size_t length;  // 0: none
  };
  Match longest_at(std::string_view text, size_t position) const;

  struct Node {  // of a trie over bytes: children are siblings in a list
    unsigned char byte = 0;
    int32_t first_child = -1, next_sibling = -1;
    int32_t token = -1;
  };
  int32_t child(int32_t node, unsigned char byte) const;

  std::vector<AddedToken> tokens_;
  std::vector<Node> nodes_;
  std::vector<int32_t> roots_;  // [256]: child of the root for each byte, or -1
  std::string first_bytes_;     // the bytes with one
};

class AddedTokens {
 public:
  // `normalizer` may be null; the tokens that are looked for in normalized text are normalized by it.
  AddedTokens(std::vector<AddedToken> tokens, const Normalizer* normalizer);

  const std::vector<AddedToken>& tokens() const { return tokens_; }
  const AddedTokenFinder& raw() const { return raw_; }                // in the text as it came
  const AddedTokenFinder& normalized() const { return normalized_; }  // in the normalized text

 private:
  std::vector<AddedToken> tokens_;
  AddedTokenFinder raw_, normalized_;
};

}  // namespace qkv
