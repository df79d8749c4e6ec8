#include "evaluate/measures/bleu_tokenization.h"

#include <unicode/uchar.h>

#include <vector>

#include "base/utf8.h"
#include "evaluate/measures/mteval_rules.h"

namespace qkv {
namespace {

bool in_category(char32_t c, uint32_t mask) { return (U_GET_GC_MASK(static_cast<UChar32>(c)) & mask) != 0; }
bool is_number_character(char32_t c) { return in_category(c, U_GC_N_MASK); }
bool is_punctuation_character(char32_t c) { return in_category(c, U_GC_P_MASK); }
bool is_symbol_character(char32_t c) { return in_category(c, U_GC_S_MASK); }

std::u32string decoded(std::string_view text) {
  std::u32string characters;
  for (size_t i = 0; i < text.size();) {
    const auto [c, length] = character_at(text, i);
    characters += c;
    i += length;
  }
  return characters;
}

// mteval-v14's "international" rules: punctuation is cut off unless it stands between digits, symbols always.
std::string tokenize_international(std::string_view text) {
  const std::u32string line = decoded(text);
  std::u32string after_words;
  for (size_t i = 0; i < line.size(); ++i) {
    after_words += line[i];
    if (i + 1 < line.size() && !is_number_character(line[i]) && is_punctuation_character(line[i + 1])) {
      after_words += U' ';
      after_words += line[++i];
      after_words += U' ';
    }
  }
  std::u32string before_words;
  for (size_t i = 0; i < after_words.size(); ++i) {
    if (i + 1 < after_words.size() && is_punctuation_character(after_words[i]) && !is_number_character(after_words[i + 1])) {
      before_words += U' ';
      before_words += after_words[i];
      before_words += U' ';
      before_words += after_words[++i];
    } else {
      before_words += after_words[i];
    }
  }
  std::string result;
  for (const char32_t c : before_words) {
    const bool symbol = is_symbol_character(c);
    if (symbol) result += ' ';
    append_utf8(result, c);
    if (symbol) result += ' ';
  }
  return result;
}

// sacreBLEU's ranges of Chinese characters. Its ranges beyond U+FFFF are written with four digits and a fifth character, so that they
// mean U+2001 to U+2A6D (quotation marks among it), and U+2F81 to U+2FA1.
bool is_chinese(char32_t c) {
  static constexpr struct {
    char32_t first, last;
  } kRanges[] = {{0x2001, 0x2A6D}, {0x2E80, 0x2EFF}, {0x2F00, 0x2FDF}, {0x2FF0, 0x303F}, {0x3100, 0x312F}, {0x31A0, 0x31BF},
                 {0x31C0, 0x31EF}, {0x3200, 0x33FF}, {0x3400, 0x4DB5}, {0x4E00, 0x9FBB}, {0xF900, 0xFA2D}, {0xFA30, 0xFA6A},
                 {0xFA70, 0xFAD9}, {0xFE10, 0xFE1F}, {0xFE30, 0xFE4F}, {0xFF00, 0xFFEF}};
  for (const auto& range : kRanges) {
    if (c >= range.first && c <= range.last) return true;
  }
  return false;
}

std::string spaced_characters(std::string_view text, bool (*apart)(char32_t)) {
  std::string result;
  for (size_t i = 0; i < text.size();) {
    const auto [c, length] = character_at(text, i);
    const bool alone = apart(c);
    if (alone) result += ' ';
    result.append(text, i, length);
    if (alone) result += ' ';
    i += length;
  }
  return result;
}

}  // namespace

std::string tokenize_13a(std::string_view text) {
  std::string line(strip_right(text));
  replace_all(line, "<skipped>", "");
  replace_all(line, "-\n", "");
  replace_all(line, "\n", " ");
  replace_entities(line);
  line.insert(0, 1, ' ');
  line += ' ';
  return single_spaced(space_around_points(space_around_symbols(line)));
}

std::string tokenize_for_bleu(std::string_view text, BleuTokenization tokenization) {
  const std::string_view line = strip_right(text);
  switch (tokenization) {
    case BleuTokenization::mteval_13a: return tokenize_13a(line);
    case BleuTokenization::international: return tokenize_international(line);
    case BleuTokenization::character: return spaced_characters(line, [](char32_t) { return true; });
    case BleuTokenization::none: return std::string(line);
    case BleuTokenization::chinese: break;
  }
  return space_around_points(space_around_symbols(spaced_characters(strip_left(line), is_chinese)));
}

}  // namespace qkv
