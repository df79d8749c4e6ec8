#include "text/unicode/split_patterns.h"

#include <gtest/gtest.h>

#include <random>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "text/stages/word_cutting.h"
#include "text/unicode/oniguruma_regex.h"
#include "text/unicode/pcre2_regex.h"
#include "text/unicode/unicode.h"

namespace qkv {
namespace {

using Matches = std::vector<std::pair<size_t, size_t>>;

template <typename Engine>
Matches matches(const Engine& engine, std::string_view text) {
  Matches found;
  engine.find_all(text, [&](size_t begin, size_t end) { found.emplace_back(begin, end); });
  return found;
}

// Letters, capitals, marks, digits, punctuation, line ends and spaces of several kinds, apostrophes and what follows them.
std::string random_text(std::mt19937& random) {
  static const std::vector<std::string> parts = {
      "a",      "B", "é",  "e\u0301", "ſ",     "İ",   "K",  "ß",  "漢", "々",   "〇", "ひ",     "ー",     "नि",     "1",
      "²",      "٣", "Ⅷ",  "12",      "12345", " ",   " ",  "  ", "\n", "\r\n", "\t", "\u00A0", "\u180E", "\u200D", "\u3000",
      "\u2028", "'", "'s", "'LL",     "'ſ",    "'Ve", "'d", ".",  ",",  "/",    "-",  "_",      "$",      "`",      "<|endoftext|>",
      "|",      "😀", "‿"};
  std::string text;
  for (int i = 0; i < 24; ++i) text += parts[random() % parts.size()];
  return text;
}

TEST(SplitPatterns, Pcre2MatchesEachKnownPatternAsOnigurumaDoes) {
  for (const std::string_view pattern : patterns::all_known()) {
    const Pcre2Regex fast(pattern);
    const OnigurumaRegex exact(std::string(pattern), "t.json");
    std::mt19937 random(7);
    for (int i = 0; i < 2000; ++i) {
      const std::string text = random_text(random);
      ASSERT_EQ(matches(fast, text), matches(exact, text)) << pattern << " on " << text;
    }
  }
}

TEST(SplitPatterns, LongTextsAndLongMatchesAreTheSameToo) {
  std::mt19937 random(13);
  std::string text;
  while (text.size() < 40'000) text += random_text(random);
  text += std::string(30'000, 'a') + std::string(3'000, ' ') + std::string(3'000, '.') + "\n";
  for (const std::string_view pattern : patterns::all_known()) {
    EXPECT_EQ(matches(Pcre2Regex(pattern), text), matches(OnigurumaRegex(std::string(pattern), "t.json"), text)) << pattern;
  }
}

TEST(SplitPatterns, Pcre2KnowsTheSameClassesOfCharacters) {
  std::vector<std::string> texts;  // each character beside a letter, a digit, a space, an apostrophe and itself
  std::string text;
  for (char32_t c = 1; c < 0x20000; ++c) {
    if ((c >= 0xD800 && c < 0xE000) || (c >= 0x3400 && is_letter(c) && c % 16 != 0)) continue;  // of Han and Hangul some
    std::string one;
    append_utf8(one, c);
    text += "a" + one + "1 " + one + "'" + one + "S\n";
    if (text.size() > 100'000) texts.push_back(std::exchange(text, {}));
  }
  for (const std::string_view pattern : patterns::all_known()) {
    const Pcre2Regex fast(pattern);
    const OnigurumaRegex exact(std::string(pattern), "t.json");
    for (const std::string& each : texts) ASSERT_EQ(matches(fast, each), matches(exact, each)) << pattern;
  }
}

TEST(SplitPatterns, WhatCutsBeforeSpacesMatchesTheSameInParts) {
  std::mt19937 random(11);
  for (const std::string_view pattern : patterns::all_known()) {
    if (!patterns::begins_words_with_spaces(pattern)) continue;
    const Pcre2Regex regex(pattern);
    for (int i = 0; i < 2000; ++i) {
      const std::string text = random_text(random);
      Matches joined;
      size_t begin = 0;
      for (size_t at = 1; at <= text.size(); ++at) {
        if (at < text.size() && (text[at] != ' ' || is_space_before(text, at))) continue;
        for (const auto& [from, to] : matches(regex, std::string_view(text).substr(begin, at - begin)))
          joined.emplace_back(begin + from, begin + to);
        begin = at;
      }
      ASSERT_EQ(joined, matches(regex, text)) << pattern << " on " << text;
    }
  }
}

// transformers 5.24, CLIPTokenizer: its special tokens are words where the text's own are in small letters.
TEST(SplitPatterns, ClipsNamesOfSpecialTokensAreWords) {
  EXPECT_EQ(matches(Pcre2Regex(patterns::kClip), "<|endoftext|>'s"), (Matches{{0, 13}, {13, 15}}));
}

TEST(SplitPatterns, LineEndsOfAPatternMayBeThemselves) {
  EXPECT_TRUE(patterns::is_known("[\r\n]"));
  EXPECT_FALSE(patterns::is_known("[\r\n]?"));
}

}  // namespace
}  // namespace qkv
