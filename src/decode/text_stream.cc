#include "decode/text_stream.h"

#include <string_view>

#include "decode/translator.h"

namespace qkv {
namespace {

// Decoders look at few neighbours: at the first token of a text, and at bytes of one character.
constexpr size_t kLongest = 64, kContext = 16;  // tokens
constexpr std::string_view kReplacement = "\uFFFD";

}  // namespace

TextStream::TextStream(const Tokenizer& tokenizer, std::span<const int32_t> before) : tokenizer_(tokenizer) {
  const std::span<const int32_t> last = before.last(std::min(before.size(), kLongest));
  window_.assign(last.begin(), last.end());
  text_ = text_of(tokenizer_, window_);
  taken_ = text_.size();
}

std::string TextStream::push(int32_t id) {
  window_.push_back(id);
  std::string now = text_of(tokenizer_, window_);
  // Bytes that were a whole character can, for some decoders, be none until the next one is whole.
  if (now.compare(0, taken_, text_, 0, taken_) != 0) return "";
  text_ = std::move(now);
  size_t end = text_.size();
  while (end >= taken_ + kReplacement.size() && std::string_view(text_).substr(0, end).ends_with(kReplacement)) end -= kReplacement.size();
  std::string fresh = take(end);
  if (end == text_.size()) forget();
  return fresh;
}

std::string TextStream::finish() { return take(text_.size()); }

std::string TextStream::take(size_t end) {
  std::string fresh = text_.substr(taken_, end - taken_);
  taken_ = end;
  return fresh;
}

// All text has been returned. The window is cut at an earlier place of which the same was true, some tokens back.
void TextStream::forget() {
  if (window_.size() >= kLongest && complete_ > 0) {
    window_.erase(window_.begin(), window_.begin() + static_cast<ptrdiff_t>(complete_));
    text_ = text_of(tokenizer_, window_);
    taken_ = text_.size();
    complete_ = 0;
  } else if (complete_ == 0 && window_.size() + kContext >= kLongest) {
    complete_ = window_.size();
  }
}

}  // namespace qkv
