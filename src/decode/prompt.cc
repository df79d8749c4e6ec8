#include "decode/prompt.h"

#include <unicode/uchar.h>

#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"

namespace qkv {
namespace {

// The number of letters and digits of the text that are not covered by any token.
int64_t count_left_out(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<bool> covered(text.size());
  for (const ByteRange& range : tokenizer.encode_with_offsets(text, {.add_special_tokens = false}).offsets) {
    std::fill(covered.begin() + static_cast<ptrdiff_t>(range.begin), covered.begin() + static_cast<ptrdiff_t>(range.end), true);
  }
  int64_t count = 0;
  for (size_t i = 0; i < text.size();) {
    const Character c = character_at(text, i);
    count += !covered[i] && u_isalnum(static_cast<UChar32>(c.code_point));
    i += c.length;
  }
  return count;
}

}  // namespace

EncodedPrompt encode_prompt(const Tokenizer& tokenizer, const TransformerConfig& config, std::string_view prompt, bool add_special_tokens) {
  const std::vector<int32_t> plain = tokenizer.encode(prompt, false);
  EncodedPrompt result{add_special_tokens ? tokenizer.encode(prompt) : plain};
  std::vector<int32_t>& ids = result.ids;
  if (plain.empty()) {
    if (config.decoder_start_token_id < 0)
      fail(ErrorCode::bad_input, "the prompt has no tokens, and the model names no \"bos_token_id\" to begin a text with; give a prompt");
    ids = {config.decoder_start_token_id};
  } else {
    const auto found = std::search(ids.begin(), ids.end(), plain.begin(), plain.end());
    if (found != ids.end()) ids.erase(found + std::ssize(plain), ids.end());
  }
  for (const int32_t id : ids) {
    if (id >= config.vocab_size) {
      fail(ErrorCode::bad_input, "token {} of tokenizer.json is outside the model's vocabulary of {}; they are not of the same model", id,
           config.vocab_size);
    }
  }
  const int32_t unknown = tokenizer.unknown_id();
  result.unknown = unknown >= 0 ? std::count(plain.begin(), plain.end(), unknown) : count_left_out(tokenizer, prompt);
  return result;
}

}  // namespace qkv
