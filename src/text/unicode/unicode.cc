#include "text/unicode/unicode.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>
#include <unicode/uchar.h>
#include <unicode/uniset.h>

#include <algorithm>
#include <array>
#include <memory>
#include <span>

#include "base/error.h"
#include "base/utf8.h"
#include "text/unicode/icu_normalizer.h"

namespace qkv {
namespace {

struct Range {
  char32_t first, last;
};

// Additions to classes in Unicode 16 since Unicode 15, ICU 72's version. Ascending.
constexpr Range kNewLetters[] = {{0x1C89, 0x1C8A},   {0xA7CB, 0xA7CD},   {0xA7DA, 0xA7DC},   {0x105C0, 0x105F3}, {0x10D4A, 0x10D65},
                                 {0x10D6F, 0x10D85}, {0x10EC2, 0x10EC4}, {0x11380, 0x11389}, {0x1138B, 0x1138B}, {0x1138E, 0x1138E},
                                 {0x11390, 0x113B5}, {0x113B7, 0x113B7}, {0x113D1, 0x113D1}, {0x113D3, 0x113D3}, {0x11BC0, 0x11BE0},
                                 {0x13460, 0x143FA}, {0x16100, 0x1611D}, {0x16D40, 0x16D6C}, {0x18CFF, 0x18CFF}, {0x1E5D0, 0x1E5ED},
                                 {0x1E5F0, 0x1E5F0}, {0x2EBF0, 0x2EE5D}};
constexpr Range kNewNumbers[] = {{0x10D40, 0x10D49}, {0x116D0, 0x116E3}, {0x11BF0, 0x11BF9}, {0x16130, 0x16139},
                                 {0x16D70, 0x16D79}, {0x1CCF0, 0x1CCF9}, {0x1E5F1, 0x1E5FA}};
// Marks, in addition to letters and numbers.
constexpr Range kNewWordMarks[] = {{0x897, 0x897},     {0x10D69, 0x10D6D}, {0x10EFC, 0x10EFC}, {0x113B8, 0x113C0}, {0x113C2, 0x113C2},
                                   {0x113C5, 0x113C5}, {0x113C7, 0x113CA}, {0x113CC, 0x113D0}, {0x113D2, 0x113D2}, {0x113E1, 0x113E2},
                                   {0x11F5A, 0x11F5A}, {0x1611E, 0x1612F}, {0x1E5EE, 0x1E5EF}};
constexpr Range kUnicode17Numbers[] = {{0x11DE0, 0x11DE9}, {0x16FF4, 0x16FF6}};

// Lower-case mappings added by Unicode 16 and 17: every `step`-th character of a range moves by `distance`.
struct CaseRange {
  char32_t first, last, step;
  int distance;
};
constexpr CaseRange kNewLowerCases[] = {{0x1C89, 0x1C89, 1, 1},    {0xA7CB, 0xA7CB, 1, -42343}, {0xA7CC, 0xA7CE, 2, 1},
                                        {0xA7D2, 0xA7D4, 2, 1},    {0xA7DA, 0xA7DA, 1, 1},      {0xA7DC, 0xA7DC, 1, -42561},
                                        {0x10D50, 0x10D65, 1, 32}, {0x16EA0, 0x16EB8, 1, 27}};

bool in_ranges(std::span<const Range> ranges, char32_t c) {
  const auto range = std::lower_bound(ranges.begin(), ranges.end(), c, [](const Range& r, char32_t value) { return r.last < value; });
  return range != ranges.end() && range->first <= c;
}

uint32_t category_mask(char32_t c) { return U_GET_GC_MASK(static_cast<UChar32>(c)); }

// True if the first character that is not case-ignorable has case.
bool begins_with_cased(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto [c, length] = character_at(text, i);
    if (!u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_CASE_IGNORABLE))
      return u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_CASED);
    i += length;
  }
  return false;
}

// True if the character exists in Unicode up to this major version.
bool known_by(char32_t c, int major) {
  UVersionInfo age;
  u_charAge(static_cast<UChar32>(c), age);
  return age[0] != 0 && (age[0] < major || (age[0] == major && age[1] == 0));
}

}  // namespace

const icu::Normalizer2& icu_normalizer(NormalForm form) {
  struct Normalizers {
    icu::UnicodeSet unicode9;
    std::array<std::unique_ptr<icu::FilteredNormalizer2>, 4> forms;
    Normalizers() {
      UErrorCode status = U_ZERO_ERROR;
      unicode9.applyPattern(icu::UnicodeString::fromUTF8("[:age=9.0:]"), status);
      unicode9.freeze();
      const icu::Normalizer2* plain[] = {icu::Normalizer2::getNFCInstance(status), icu::Normalizer2::getNFDInstance(status),
                                         icu::Normalizer2::getNFKCInstance(status), icu::Normalizer2::getNFKDInstance(status)};
      if (U_FAILURE(status)) fail(ErrorCode::internal, "ICU cannot give its normalization tables ({})", u_errorName(status));
      for (size_t i = 0; i < forms.size(); ++i) forms[i] = std::make_unique<icu::FilteredNormalizer2>(*plain[i], unicode9);
    }
  };
  static const Normalizers normalizers;
  return *normalizers.forms[static_cast<size_t>(form)];
}

bool is_white_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

bool is_punctuation(char32_t c) {
  if (c < 0x80) return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
  if (c == 0x166D || c == 0x111C9) return true;  // no longer of category P
  return (category_mask(c) & U_GC_P_MASK) != 0 && known_by(c, 8);
}

bool is_letter(char32_t c) {
  if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return (category_mask(c) & U_GC_L_MASK) != 0 || in_ranges(kNewLetters, c);
}

bool is_number(char32_t c) {
  if (c < 0x80) return c >= '0' && c <= '9';
  return (category_mask(c) & U_GC_N_MASK) != 0 || in_ranges(kNewNumbers, c);
}

bool is_numeric(char32_t c) { return is_number(c) || in_ranges(kUnicode17Numbers, c); }

bool is_word_character(char32_t c) {
  if (c < 0x80) return is_letter(c) || is_number(c) || c == '_';
  const auto character = static_cast<UChar32>(c);
  return (category_mask(c) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0 || u_hasBinaryProperty(character, UCHAR_ALPHABETIC) ||
         u_hasBinaryProperty(character, UCHAR_JOIN_CONTROL) || in_ranges(kNewLetters, c) || in_ranges(kNewNumbers, c) ||
         in_ranges(kNewWordMarks, c);
}

bool is_combining_mark(char32_t c) {
  if (c < 0x300) return false;
  if (c == 0x1CF2 || c == 0x1CF3) return true;  // letters since Unicode 12
  return (category_mask(c) & U_GC_M_MASK) != 0 && known_by(c, 9) && c != 0x111C9;
}

bool is_nonspacing_mark(char32_t c) {
  if (c < 0x300) return false;
  if (c == 0x1734) return true;                                                 // a spacing one since Unicode 14
  if (c == 0x1885 || c == 0x1886 || c == 0xA9BD || c == 0x111C9) return false;  // only in later versions
  return (category_mask(c) & U_GC_MN_MASK) != 0 && known_by(c, 8);
}

bool is_control(char32_t c) {
  if (c < 0x80) return c < 0x20 || c == 0x7F;
  return (category_mask(c) & (U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK)) != 0 && known_by(c, 8);
}

void append_lower_case(std::string& text, char32_t c) {
  if (c < 0x80) {
    text.push_back(static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c));
    return;
  }
  if (c == 0x130) {  // capital I with dot above: the only one whose full, language-independent lower case is longer
    text.append("i\xCC\x87");
    return;
  }
  for (const CaseRange& range : kNewLowerCases) {
    if (c >= range.first && c <= range.last && (c - range.first) % range.step == 0) {
      append_utf8(text, static_cast<char32_t>(static_cast<int>(c) + range.distance));
      return;
    }
  }
  append_utf8(text, static_cast<char32_t>(u_tolower(static_cast<UChar32>(c))));
}

std::string lower_case(std::string_view text) {
  constexpr char32_t kCapitalSigma = 0x3A3, kFinalSigma = 0x3C2;
  std::string result;
  result.reserve(text.size());
  bool after_cased = false;  // with nothing but case-ignorable characters between
  for (size_t i = 0; i < text.size();) {
    const auto [c, length] = character_at(text, i);
    i += length;
    if (c == kCapitalSigma && after_cased) {
      const std::string_view rest = text.substr(i);
      append_utf8(result, begins_with_cased(rest) ? c + 0x20 : kFinalSigma);
      continue;
    }
    append_lower_case(result, c);
    if (!u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_CASE_IGNORABLE))
      after_cased = u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_CASED);
  }
  return result;
}

void normalize_unicode(NormalForm form, std::string& text) {
  if (is_ascii(text)) return;
  const icu::Normalizer2& normalizer = icu_normalizer(form);
  UErrorCode status = U_ZERO_ERROR;
  if (text.size() > static_cast<size_t>(INT32_MAX)) {
    fail(ErrorCode::unsupported, "a text of {} bytes is too long to normalize; cut it into lines below 2 GiB", text.size());
  }
  const icu::StringPiece source(text.data(), static_cast<int32_t>(text.size()));
  if (normalizer.isNormalizedUTF8(source, status) && U_SUCCESS(status)) return;
  status = U_ZERO_ERROR;
  std::string result;
  result.reserve(text.size());
  icu::StringByteSink<std::string> sink(&result);
  normalizer.normalizeUTF8(0, source, sink, nullptr, status);
  if (U_FAILURE(status)) fail(ErrorCode::internal, "ICU cannot normalize a text ({})", u_errorName(status));
  text = std::move(result);
}

}  // namespace qkv
