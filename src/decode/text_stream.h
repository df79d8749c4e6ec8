// Incremental decoding of tokens.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "qkv/tokenizer.h"
#include "text/stages/clean_up.h"

namespace qkv {

// The results of push() and finish() concatenate to the decoding of all tokens without special ones; a character appears with its last
// byte. Characters of byte tokens (<0xE4> and the like) appear only after the next other token, because decoders replace a whole run of
// byte tokens by U+FFFD if any part of it is invalid. Omitted ids give no text. The cost of a call does not depend on the length of the
// text.
class TextStream {
 public:
  // The text continues `before`, whose own text is not returned; a space between them belongs to the new text. If the tokenizer cleans up
  // spaces, only those within the new text are affected.
  explicit TextStream(const Tokenizer& tokenizer, std::span<const int32_t> before = {});

  std::string push(int32_t id);
  std::string finish();  // the rest of the text; an incomplete character becomes U+FFFD

 private:
  size_t unchanging();
  std::string take(size_t end);
  void forget();

  const Tokenizer& tokenizer_;
  std::vector<int32_t> window_;  // the latest tokens with text
  int32_t next_ = 0;             // a text token that is not a byte, used as a hypothetical next token; vocab_size() if there is none
  std::string text_;             // decoded text of the window
  size_t taken_ = 0;             // bytes of it that were returned or belong to `before`
  bool open_ = false;            // whether the window ends with byte tokens
  std::optional<CleanUpStream> clean_up_;  // if the tokenizer cleans up spaces
  size_t complete_ = 0;  // a place in the window at which all preceding text had been returned: a possible start of the next window
};

}  // namespace qkv
