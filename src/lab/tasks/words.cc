#include "lab/tasks/words.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/utf8.h"
#include "evaluate/measures/split_words.h"
#include "text/unicode/unicode.h"

namespace qkv::lab {

std::string parted(const std::string& text) {
  const std::string line = replace_invalid_utf8(text);
  std::string result;
  const auto part = [&] {
    if (!result.empty() && result.back() != ' ') result += ' ';
  };
  for (size_t i = 0; i < line.size();) {
    const auto [c, length] = character_at(line, i);
    if (is_white_space(c)) {
      part();
    } else if (is_punctuation(c)) {
      part();
      result.append(line, i, length).append(" ");
    } else {
      result.append(line, i, length);
    }
    i += length;
  }
  if (result.ends_with(' ')) result.pop_back();
  return result;
}

std::vector<std::vector<WordTokens>> tokens_of_words(const Tokenizer& tokenizer, std::span<const std::string> parted_lines) {
  std::vector<std::vector<WordTokens>> lines;
  for (const std::string& line : parted_lines) {
    std::vector<WordTokens>& words = lines.emplace_back();
    for (const std::string_view word : split_words(line)) {
      WordTokens& tokens = words.emplace_back(WordTokens{tokenizer.encode(word, false), std::string(word)});
      tokens.known = std::find(tokens.ids.begin(), tokens.ids.end(), tokenizer.unknown_id()) == tokens.ids.end();
    }
  }
  return lines;
}

Spelling::Spelling(std::span<const std::string> parted_lines) {
  std::set<std::string_view> different;
  for (const std::string& line : parted_lines) {
    for (const std::string_view word : split_words(line)) different.insert(word);
  }
  for (const std::string_view word : different) {
    for (size_t i = 0; i < word.size();) {
      const auto [c, length] = character_at(word, i);
      ++counts_[c];
      ++total_;
      i += length;
    }
    ++ends_;
    ++total_;
  }
}

double Spelling::bits(std::string_view word) const {
  constexpr double kNewCharacter = 21;  // bits to select one of all code points
  // The symbols: each character, the end, and "a new character".
  const double symbols = static_cast<double>(total_) + static_cast<double>(counts_.size()) + 2;
  double bits = -std::log2((static_cast<double>(ends_) + 1) / symbols);
  for (size_t i = 0; i < word.size();) {
    const auto [c, length] = character_at(word, i);
    const auto found = counts_.find(c);
    bits -= std::log2((found == counts_.end() ? 1.0 : static_cast<double>(found->second) + 1) / symbols);
    if (found == counts_.end()) bits += kNewCharacter;
    i += length;
  }
  return bits;
}

std::unordered_map<std::string, int64_t> word_frequencies(std::span<const std::string> parted_lines) {
  std::unordered_map<std::string, int64_t> frequencies;
  for (const std::string& line : parted_lines) {
    for (const std::string_view word : split_words(line)) ++frequencies[std::string(word)];
  }
  return frequencies;
}

double word_accuracy(std::span<const std::string> translations, std::span<const std::string> references,
                     const std::unordered_map<std::string, int64_t>& training, int64_t from, int64_t below) {
  int64_t asked = 0, right = 0;
  for (size_t i = 0; i < references.size(); ++i) {
    auto has = word_frequencies(std::span(&translations[i], 1));
    for (const std::string_view word : split_words(references[i])) {
      const std::string key(word);
      const auto seen = training.find(key);
      const int64_t frequency = seen == training.end() ? 0 : seen->second;
      if (frequency < from || frequency >= below) continue;
      ++asked;
      if (const auto found = has.find(key); found != has.end() && found->second-- > 0) ++right;
    }
  }
  return asked == 0 ? 0 : static_cast<double>(right) / static_cast<double>(asked);
}

}  // namespace qkv::lab
