#include "evaluate/bleu.h"

#include <cmath>
#include <string>
#include <unordered_map>
#include <vector>

#include "evaluate/split_words.h"

namespace qkv {
namespace {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  size_t found = text.find(from);
  if (found == std::string::npos) return;
  std::string result;
  size_t begin = 0;
  for (; found != std::string::npos; found = text.find(from, begin)) {
    result.append(text, begin, found - begin).append(to);
    begin = found + from.size();
  }
  text = result.append(text, begin);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_point(char c) { return c == '.' || c == ','; }
// ASCII punctuation and the space, except ' , - and . ; these are the character ranges of the original script.
bool is_symbol(char c) {
  return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') || (c >= '(' && c <= '+') || (c >= ':' && c <= '@') ||
         c == '/';
}

// Substitutes pairs of adjacent characters from left to right without overlap, as a regular expression of two classes does. Working on
// bytes is correct, since only the class "not a digit" contains characters beyond ASCII.
template <typename First, typename Second>
std::string space_pairs(const std::string& text, First first, Second second, std::string_view before, std::string_view after) {
  std::string result;
  result.reserve(text.size() + 16);
  for (size_t i = 0; i < text.size(); ++i) {
    if (i + 1 < text.size() && first(text[i]) && second(text[i + 1])) {
      result.append(before).append(1, text[i]).append(1, ' ').append(1, text[i + 1]).append(after);
      ++i;
    } else {
      result += text[i];
    }
  }
  return result;
}

std::string_view strip_right(std::string_view text) {
  size_t end = 0;
  for (const std::string_view word : split_words(text)) end = static_cast<size_t>(word.data() - text.data()) + word.size();
  return text.substr(0, end);
}

}  // namespace

std::string tokenize_13a(std::string_view text) {
  std::string line(strip_right(text));
  replace_all(line, "<skipped>", "");
  replace_all(line, "-\n", "");
  replace_all(line, "\n", " ");
  if (line.find('&') != std::string::npos) {
    replace_all(line, "&quot;", "\"");
    replace_all(line, "&amp;", "&");
    replace_all(line, "&lt;", "<");
    replace_all(line, "&gt;", ">");
  }
  std::string spaced(1, ' ');
  spaced.reserve(line.size() * 2);
  for (const char c : line) {
    if (is_symbol(c)) {
      spaced.append(1, ' ').append(1, c).append(1, ' ');
    } else {
      spaced += c;
    }
  }
  spaced += "   ";  // the space after the text is a symbol too
  const auto is_dash = [](char c) { return c == '-'; };
  const auto not_digit = [](char c) { return !is_digit(c); };
  spaced = space_pairs(spaced, not_digit, is_point, "", " ");  // . and , unless after a digit
  spaced = space_pairs(spaced, is_point, not_digit, " ", "");  // . and , unless before a digit
  spaced = space_pairs(spaced, is_digit, is_dash, "", " ");    // - after a digit
  std::string result;
  for (const std::string_view word : split_words(spaced)) {
    if (!result.empty()) result += ' ';
    result.append(word);
  }
  return result;
}

NgramCounts BleuCounter::count(std::string_view hypothesis, std::string_view reference) {
  const std::string texts[2] = {tokenize_13a(hypothesis), tokenize_13a(reference)};
  std::unordered_map<std::string_view, uint32_t> words;
  std::vector<uint32_t> symbols[2];
  for (int side = 0; side < 2; ++side) {
    for (const std::string_view word : split_words(texts[side])) {
      symbols[side].push_back(words.try_emplace(word, static_cast<uint32_t>(words.size())).first->second);
    }
  }
  return matcher_.count(symbols[0], symbols[1]);
}

double bleu(const NgramCounts& corpus) {
  constexpr size_t kOrder = 4;
  const auto hypothesis = static_cast<double>(corpus.hypothesis[0]), reference = static_cast<double>(corpus.reference[0]);
  if (corpus.matches[0] == 0) return 0;  // no word in common, so no longer n-gram either
  double log_sum = 0, smooth = 1;
  for (size_t n = 0; n < kOrder; ++n) {
    const auto total = static_cast<double>(corpus.hypothesis[n]), matches = static_cast<double>(corpus.matches[n]);
    if (total == 0) return 0;  // no sentence of n words: undefined, 0 by sacreBLEU's convention
    if (matches == 0) smooth *= 2;
    log_sum += std::log(matches > 0 ? 100 * matches / total : 100 / (smooth * total));
  }
  const double brevity = hypothesis < reference ? std::exp(1 - reference / hypothesis) : 1;
  return brevity * std::exp(log_sum / kOrder);
}

}  // namespace qkv
