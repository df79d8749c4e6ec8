// Text of tokens that come one by one.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "qkv/tokenizer.h"

namespace qkv {

// What push() and finish() return is together what decoding all tokens at once gives, without special tokens: a character appears when its
// last byte is there. Each call costs the same, however long the text is.
class TextStream {
 public:
  // The text goes on behind `before`, of which nothing is returned: a space between both belongs to the new text.
  explicit TextStream(const Tokenizer& tokenizer, std::span<const int32_t> before = {});

  std::string push(int32_t id);
  std::string finish();  // the rest: a character that never became complete is U+FFFD

 private:
  std::string take(size_t end);
  void forget();

  const Tokenizer& tokenizer_;
  std::vector<int32_t> window_;  // the last tokens
  std::string text_;             // of the window
  size_t taken_ = 0;             // bytes of it that were returned or are not wanted
  size_t complete_ = 0;          // a place in the window at which all text before was returned; the next window may begin there
};

}  // namespace qkv
