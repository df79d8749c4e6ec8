// Text of tokens that come one by one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "qkv/tokenizer.h"
#include "text/stages/clean_up.h"

namespace qkv {

// What push() and finish() return is together what decoding all tokens at once gives, without special tokens: a character appears when its
// last byte is there. Only those of byte tokens, <0xE4> and the like, wait for the token behind the last one: decoders make U+FFFD of a
// whole run of these where any part of it is no text. Ids that decoding leaves out give nothing. Each call costs the same, however long the
// text is.
class TextStream {
 public:
  // The text goes on behind `before`, of which nothing is returned: a space between both belongs to the new text. Where the tokenizer
  // cleans spaces up, it does so within the new text.
  explicit TextStream(const Tokenizer& tokenizer, std::span<const int32_t> before = {});

  std::string push(int32_t id);
  std::string finish();  // the rest: a character that never became complete is U+FFFD

 private:
  size_t unchanging();
  std::string take(size_t end);
  void forget();

  const Tokenizer& tokenizer_;
  std::vector<int32_t> window_;            // the last tokens that are text
  int32_t next_ = 0;                       // some token that is text and no byte, as the one that comes next; vocab_size(): there is none
  std::string text_;                       // of the window
  size_t taken_ = 0;                       // bytes of it that were returned or are not wanted
  bool open_ = false;                      // does the window end with byte tokens?
  std::optional<CleanUpStream> clean_up_;  // where the tokenizer asks for it
  size_t complete_ = 0;                    // a place in the window at which all text before was returned; the next window may begin there
};

}  // namespace qkv
