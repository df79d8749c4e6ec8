#include "base/error.h"

#include <algorithm>

namespace qkv {
namespace {

constexpr size_t kLongestMessage = 6000;  // the system's longest path fits twice

// True if a character begins at `at`. Bytes 10xxxxxx continue one (UTF-8).
bool begins_character(std::string_view text, size_t at) {
  return at >= text.size() || (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80;
}

}  // namespace

std::string one_line(std::string message) {
  if (message.size() > kLongestMessage) {  // its end says what to do
    size_t tail = message.size() - kLongestMessage / 3;
    while (!begins_character(message, tail)) ++tail;
    message = shortened(message, kLongestMessage * 2 / 3) + " " + message.substr(tail);
  }
  std::replace_if(
      message.begin(), message.end(), [](char c) { return (c >= 0 && c < ' ') || c == 0x7F; }, ' ');
  return message;
}

std::string shortened(std::string_view text, size_t most) {
  if (text.size() <= most) return std::string(text);
  while (most > 0 && !begins_character(text, most)) --most;
  return std::string(text.substr(0, most)) + "…";
}

}  // namespace qkv
