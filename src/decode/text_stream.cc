#include "decode/text_stream.h"

#include <algorithm>
#include <string_view>

#include "text/files/tokenizer_parts.h"
#include "text/token_models/byte_fallback.h"

namespace qkv {
namespace {

// Decoding a token depends only on few neighbours: on the first token of a text, and on bytes of one character.
constexpr size_t kLongest = 64, kContext = 16;  // in tokens
constexpr std::string_view kReplacement = "\uFFFD";

// Decoding omits all other ids.
bool is_text(const Tokenizer& tokenizer, int32_t id) {
  return id >= 0 && id < tokenizer.vocab_size() && !TokenizerAccess::is_left_out(tokenizer, id) && !tokenizer.id_to_token(id).empty();
}

bool is_byte(const Tokenizer& tokenizer, int32_t id) { return byte_of_token(tokenizer.id_to_token(id)) >= 0; }

// Spaces are cleaned up after decoding the window, because the window may contain only part of a pattern.
std::string decoded(const Tokenizer& tokenizer, const std::vector<int32_t>& ids) { return TokenizerAccess::decode_as_is(tokenizer, ids); }

// Some decoders remove all spaces before the first other character.
bool is_blank(std::string_view text) { return text.find_first_not_of(' ') == std::string_view::npos; }

// Length in bytes of the common prefix of two UTF-8 texts, in whole characters.
size_t common_prefix(std::string_view a, std::string_view b) {
  const auto [at, other] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  auto length = static_cast<size_t>(at - a.begin());
  if (length == a.size() && length == b.size()) return length;
  const auto continues = [](std::string_view text, size_t i) {
    return i < text.size() && (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80;
  };
  while (length > 0 && (continues(a, length) || continues(b, length))) --length;
  return length;
}

}  // namespace

TextStream::TextStream(const Tokenizer& tokenizer, std::span<const int32_t> before) : tokenizer_(tokenizer) {
  for (size_t i = before.size(); i-- > 0;) {
    if (is_text(tokenizer, before[i])) window_.insert(window_.begin(), before[i]);
    if (window_.size() >= kLongest && window_.size() % kLongest == 0 && !is_blank(decoded(tokenizer, window_))) break;
  }
  while (next_ < tokenizer.vocab_size() && !(is_text(tokenizer, next_) && !is_byte(tokenizer, next_))) ++next_;
  text_ = decoded(tokenizer_, window_);
  taken_ = text_.size();
  if (TokenizerAccess::cleans_up(tokenizer)) clean_up_.emplace();
}

std::string TextStream::push(int32_t id) {
  if (!is_text(tokenizer_, id)) return "";
  window_.push_back(id);
  open_ = is_byte(tokenizer_, id);
  if (open_) return "";
  text_ = decoded(tokenizer_, window_);
  size_t end = unchanging();
  while (end >= taken_ + kReplacement.size() && std::string_view(text_).substr(0, end).ends_with(kReplacement)) end -= kReplacement.size();
  std::string fresh = take(end);
  if (end == text_.size()) forget();
  return clean_up_ ? clean_up_->push(fresh) : fresh;
}

std::string TextStream::finish() {
  if (open_) text_ = decoded(tokenizer_, window_);
  std::string rest = take(text_.size());
  return clean_up_ ? clean_up_->push(rest).append(clean_up_->finish()) : rest;
}

// The length of the text that no further token changes: after a word, some decoders write a space unless the text ends there.
size_t TextStream::unchanging() {
  if (next_ >= tokenizer_.vocab_size()) return text_.size();
  window_.push_back(next_);
  const std::string longer = decoded(tokenizer_, window_);
  window_.pop_back();
  return common_prefix(text_, longer);
}

std::string TextStream::take(size_t end) {
  if (end <= taken_) return "";
  std::string fresh = text_.substr(taken_, end - taken_);
  taken_ = end;
  return fresh;
}

// Called when all text has been returned. Shortens the window to begin at an earlier place, some tokens back, at which all text had been
// returned too.
void TextStream::forget() {
  if (complete_ == 0) {
    if (window_.size() + kContext >= kLongest) complete_ = window_.size();
    return;
  }
  if (window_.size() < complete_ + kContext) return;
  std::vector<int32_t> last(window_.begin() + static_cast<ptrdiff_t>(complete_), window_.end());
  std::string text = decoded(tokenizer_, last);
  complete_ = window_.size();
  if (is_blank(text)) return;
  complete_ = 0;
  window_ = std::move(last);
  text_ = std::move(text);
  taken_ = text_.size();
}

}  // namespace qkv
