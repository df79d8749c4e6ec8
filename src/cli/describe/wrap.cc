#include "cli/describe/wrap.h"

#include <algorithm>

namespace qkv {
namespace {

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

// Bytes of the first `count` characters.
size_t bytes_of(std::string_view text, size_t count) {
  size_t at = 0;
  for (size_t seen = 0; at < text.size(); ++at) {
    if (begins_character(text[at]) && seen++ == count) break;
  }
  return at;
}

// Words at spaces outside quotes; with `quotes` false at all spaces.
std::vector<std::string> words_of(std::string_view text, bool quotes) {
  std::vector<std::string> words;
  std::string word;
  char quote = '\0';
  for (const char c : text) {
    if (c == ' ' && quote == '\0') {
      if (!word.empty()) words.push_back(std::move(word));
      word.clear();
      continue;
    }
    if (quotes && (c == '\'' || c == '"')) quote = quote == c ? '\0' : quote == '\0' ? c : quote;
    word += c;
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

}  // namespace

size_t characters(std::string_view text) { return static_cast<size_t>(std::count_if(text.begin(), text.end(), begins_character)); }

std::vector<std::string> wrapped(std::string_view text, size_t width) {
  width = std::max<size_t>(width, 1);
  std::vector<std::string> lines;
  std::string line;
  for (std::string word : words_of(text, false)) {
    if (!line.empty() && characters(line) + 1 + characters(word) > width) {
      lines.push_back(std::move(line));
      line.clear();
    }
    while (line.empty() && characters(word) > width) {
      const size_t bytes = bytes_of(word, width);
      lines.push_back(word.substr(0, bytes));
      word.erase(0, bytes);
    }
    line += (line.empty() ? "" : " ") + word;
  }
  if (!line.empty()) lines.push_back(std::move(line));
  return lines;
}

std::vector<std::string> wrapped_command(std::string_view command, size_t width) {
  constexpr std::string_view kIndent = "    ", kMore = " \\";
  const std::vector<std::string> words = words_of(command, true);
  std::vector<std::string> lines;
  std::string line;
  for (size_t i = 0; i < words.size(); ++i) {
    const size_t rest = i + 1 < words.size() ? kMore.size() : 0;
    if (!line.empty() && characters(line) + 1 + characters(words[i]) + rest > width) {
      lines.push_back(line + std::string(kMore));
      line = std::string(kIndent) + words[i];
    } else {
      line += (line.empty() ? "" : " ") + words[i];
    }
  }
  if (!line.empty()) lines.push_back(std::move(line));
  return lines;
}

}  // namespace qkv
