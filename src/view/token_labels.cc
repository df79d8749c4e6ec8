#include "view/token_labels.h"

#include <unicode/uchar.h>

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.h"
#include "text/files/tokenizer_parts.h"
#include "text/stages/byte_level.h"
#include "text/token_models/byte_fallback.h"

namespace qkv {
namespace {

constexpr std::string_view kReplacement = "\uFFFD", kMetaspace = "\u2581", kSpace = "␣", kEllipsis = "…";
constexpr std::string_view kLineEnd = "\\n", kTab = "\\t", kReturn = "\\r";

bool is_mark(UChar32 c) { return u_charType(c) == U_NON_SPACING_MARK || u_charType(c) == U_ENCLOSING_MARK; }

// Characters without a glyph, or with a glyph that most fonts lack.
bool is_invisible(UChar32 c) { return u_iscntrl(c) || u_isUWhiteSpace(c) || u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT); }

// A visible form of a character: signs for spaces, line ends and tabs, the code point for other invisible characters.
std::string visible_character(char32_t code_point, std::string_view bytes, bool first) {
  constexpr std::string_view kCircle = "◌";
  if (code_point == ' ') return std::string(kSpace);
  if (code_point == '\n') return std::string(kLineEnd);
  if (code_point == '\t') return std::string(kTab);
  if (code_point == '\r') return std::string(kReturn);
  const auto c = static_cast<UChar32>(code_point);
  if (!first && is_mark(c)) return std::string(bytes);  // including variation selectors
  if (is_invisible(c)) return fmt::format("<U+{:04X}>", static_cast<uint32_t>(code_point));
  return is_mark(c) ? std::string(kCircle) + std::string(bytes) : std::string(bytes);
}

// The label of a text fragment.
std::string visible(std::string_view text) {
  std::string label;
  for (size_t i = 0; i < text.size();) {
    const Character c = character_at(text, i);
    label += visible_character(c.code_point, text.substr(i, c.length), i == 0);
    i += c.length;
  }
  return label;
}

std::string decoded(const Tokenizer& tokenizer, std::span<const int32_t> ids) {
  std::vector<int32_t> known;
  std::copy_if(ids.begin(), ids.end(), std::back_inserter(known), [&](int32_t id) { return id >= 0 && id < tokenizer.vocab_size(); });
  return TokenizerAccess::decode_as_is(tokenizer, known);
}

// The bytes of a token that is no text by itself: a byte token, or a byte-level token that begins or ends within a character. Empty for
// other tokens.
std::string bytes_of(const Tokenizer& tokenizer, int32_t id) {
  if (id < 0 || id >= tokenizer.vocab_size() || tokenizer.is_special(id)) return "";
  const std::string& token = tokenizer.id_to_token(id);
  const std::string own = decoded(tokenizer, std::span(&id, 1));
  if (own == token) return "";
  if (const int byte = byte_of_token(token); byte >= 0) return {static_cast<char>(byte)};
  if (own.find(kReplacement) == std::string::npos) return "";
  static const std::u32string alphabet = byte_level_alphabet();
  std::string bytes;
  for (size_t i = 0; i < token.size();) {
    const Character c = character_at(token, i);
    const size_t byte = alphabet.find(c.code_point);
    if (byte == std::u32string::npos) return "";
    bytes += static_cast<char>(byte);
    i += c.length;
  }
  return bytes;
}

// Labels of consecutive tokens by their bytes.
void label_by_bytes(std::span<const std::string> bytes, std::span<std::string> labels) {
  std::string text;
  std::vector<size_t> owner;  // the token of each byte
  for (size_t i = 0; i < bytes.size(); ++i) {
    text += bytes[i];
    owner.resize(text.size(), i);
  }
  for (size_t at = 0; at < text.size();) {
    const size_t length = utf8_length(text[at]);
    const std::string_view character = std::string_view(text).substr(at, length);
    if (character.size() < length || !is_valid_utf8(character)) {
      labels[owner[at]] += fmt::format("<0x{:02X}>", static_cast<unsigned char>(text[at]));
      ++at;
      continue;
    }
    const size_t first = owner[at], last = owner[at + length - 1];
    const std::string shown = visible_character(character_at(character, 0).code_point, character, labels[first].empty());
    for (size_t i = first; i <= last; ++i) {
      labels[i] += first == last ? shown : fmt::format("{}({}/{})", shown, i - first + 1, last - first + 1);
    }
    at += length;
  }
}

// The label of a token of whole characters.
std::string label_of(const Tokenizer& tokenizer, std::span<const int32_t> ids, size_t i) {
  // A token's text can depend on its neighbours (a leading space is dropped), so some preceding tokens are decoded too.
  constexpr size_t kContext = 8;
  const int32_t id = ids[i];
  if (id < 0 || id >= tokenizer.vocab_size() || tokenizer.id_to_token(id).empty()) return fmt::format("<{}>", id);
  std::string token = tokenizer.id_to_token(id);
  if (tokenizer.is_special(id)) return visible(token);
  const size_t begin = i < kContext ? 0 : i - kContext;
  const std::string before = decoded(tokenizer, ids.subspan(begin, i - begin)),
                    with = decoded(tokenizer, ids.subspan(begin, i + 1 - begin));
  if (with.size() > before.size() && with.starts_with(before)) return visible(std::string_view(with).substr(before.size()));
  // The decoder drops the token here, like a leading space, or changes the text before it.
  for (size_t at = 0; (at = token.find(kMetaspace, at)) != std::string::npos;) token.replace(at, kMetaspace.size(), " ");
  return visible(token);
}

int width_of(char32_t code_point) {
  const auto c = static_cast<UChar32>(code_point);
  const int type = u_charType(c);
  if (type == U_NON_SPACING_MARK || type == U_ENCLOSING_MARK || type == U_FORMAT_CHAR || type == U_CONTROL_CHAR) return 0;
  const int jamo = u_getIntPropertyValue(c, UCHAR_HANGUL_SYLLABLE_TYPE);
  if (jamo == U_HST_VOWEL_JAMO || jamo == U_HST_TRAILING_JAMO) return 0;  // part of the syllable before it
  const int width = u_getIntPropertyValue(c, UCHAR_EAST_ASIAN_WIDTH);
  return width == U_EA_WIDE || width == U_EA_FULLWIDTH ? 2 : 1;
}

}  // namespace

std::string on_one_visible_line(std::string_view text) {
  std::string line;
  for (size_t i = 0; i < text.size();) {
    const Character c = character_at(text, i);
    const std::string_view bytes = text.substr(i, c.length);
    line += c.code_point == ' ' ? " " : visible_character(c.code_point, bytes, i == 0);
    i += c.length;
  }
  return line;
}

std::vector<std::string> token_labels(const Tokenizer& tokenizer, std::span<const int32_t> ids) {
  std::vector<std::string> labels(ids.size()), bytes(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) bytes[i] = bytes_of(tokenizer, ids[i]);
  for (size_t i = 0, end = 0; i < ids.size(); i = end) {
    for (end = i; end < ids.size() && !bytes[end].empty();) ++end;
    if (end > i) {
      label_by_bytes(std::span(bytes).subspan(i, end - i), std::span(labels).subspan(i, end - i));
    } else {
      labels[i] = label_of(tokenizer, ids, i);
      end = i + 1;
    }
  }
  return labels;
}

std::string label_notes(std::span<const std::string> labels) {
  constexpr std::pair<std::string_view, const char*> kNotes[] = {{kSpace, "␣ space"},
                                                                 {kLineEnd, "\\n line end"},
                                                                 {kTab, "\\t tab"},
                                                                 {kReturn, "\\r carriage return"},
                                                                 {"(1/", "(1/2) the first of 2 tokens of a character"}};
  std::string notes;
  for (const auto& [sign, note] : kNotes) {
    if (std::any_of(labels.begin(), labels.end(), [&](const std::string& label) { return label.find(sign) != std::string::npos; })) {
      notes += (notes.empty() ? "" : ", ") + std::string(note);
    }
  }
  return notes;
}

int display_width(std::string_view text) {
  int width = 0;
  for (size_t i = 0; i < text.size();) {
    const Character c = character_at(text, i);
    width += width_of(c.code_point);
    i += c.length;
  }
  return width;
}

std::string fit_to_width(std::string_view text, int width) {
  if (display_width(text) <= width) return std::string(text);
  std::string cut;
  int used = 0;
  for (size_t i = 0; i < text.size();) {
    const Character c = character_at(text, i);
    used += width_of(c.code_point);
    if (used > width - 1) break;
    cut += text.substr(i, c.length);
    i += c.length;
  }
  return width > 0 ? cut + std::string(kEllipsis) : cut;
}

std::string padded(std::string_view text, int width, bool right) {
  const std::string fitted = fit_to_width(text, width), space(static_cast<size_t>(std::max(0, width - display_width(fitted))), ' ');
  return right ? space + fitted : fitted + space;
}

}  // namespace qkv
