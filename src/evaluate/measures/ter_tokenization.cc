#include "evaluate/measures/ter_tokenization.h"

#include <span>

#include "base/utf8.h"
#include "evaluate/measures/mteval_rules.h"
#include "text/unicode/unicode.h"

namespace qkv {
namespace {

struct Range {
  char32_t first, last;
};

// Ideographs and what is written between them; tercom's range of enclosed letters ends at U+3F22.
constexpr Range kAsianCharacters[] = {{0x4E00, 0x9FFF}, {0x3400, 0x4DBF}, {0x31C0, 0x31EF}, {0x2E80, 0x2EFF},
                                      {0x3300, 0x33FF}, {0xF900, 0xFAFF}, {0xFE30, 0xFE4F}, {0x3200, 0x3F22}};
constexpr Range kAsianPunctuation[] = {{0x3001, 0x3002}, {0x3008, 0x3011}, {0x3014, 0x301F}, {0xFF61, 0xFF65},
                                       {0x30FB, 0x30FB}, {0xFF0E, 0xFF0E}, {0xFF0C, 0xFF0C}, {0xFF1F, 0xFF1F},
                                       {0xFF1A, 0xFF1B}, {0xFF01, 0xFF02}, {0xFF08, 0xFF09}};

bool is_among(std::span<const Range> ranges, char32_t c) {
  for (const Range& range : ranges) {
    if (c >= range.first && c <= range.last) return true;
  }
  return false;
}

std::string normalized(std::string text) {
  replace_all(text, "\n-", "");
  replace_all(text, "\n", " ");
  replace_entities(text);
  std::string spaced = space_around_symbols(" " + text + " ");
  replace_all(spaced, "'s ", " 's ");
  return space_around_points(spaced);
}

std::string with_asian_characters_apart(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size();) {
    const auto [c, length] = character_at(text, i);
    const bool apart = is_among(kAsianCharacters, c) || is_among(kAsianPunctuation, c);
    if (apart) result += ' ';
    result.append(text, i, length);
    if (apart) result += ' ';
    i += length;
  }
  return result;
}

std::string without_punctuation(std::string_view text, bool asian) {
  std::string result;
  for (size_t i = 0; i < text.size();) {
    const auto [c, length] = character_at(text, i);
    const bool western = c < 0x80 && std::string_view(".,?:;!\"()").find(static_cast<char>(c)) != std::string_view::npos;
    if (!western && !(asian && is_among(kAsianPunctuation, c))) result.append(text, i, length);
    i += length;
  }
  return result;
}

}  // namespace

std::string tokenize_for_ter(std::string_view text, const ScoringOptions& options) {
  std::string line(strip_right(text));
  if (!options.ter_case_sensitive) line = lower_case(line);
  if (options.ter_normalized) {
    line = normalized(std::move(line));
    if (options.ter_asian_support) line = with_asian_characters_apart(line);
  }
  if (options.ter_no_punct) line = without_punctuation(line, options.ter_asian_support);
  return single_spaced(line);
}

}  // namespace qkv
