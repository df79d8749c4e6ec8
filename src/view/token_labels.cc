#include "view/token_labels.h"

#include <unicode/uchar.h>

#include <fmt/format.h>

#include "base/utf8.h"
#include "decode/translator.h"

namespace qkv {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD", kSpace = "\xE2\x96\x81", kEllipsis = "\xE2\x80\xA6";

bool is_mark(UChar32 c) { return u_charType(c) == U_NON_SPACING_MARK || u_charType(c) == U_ENCLOSING_MARK; }

// Characters without a glyph, or with a glyph that most fonts lack.
bool is_invisible(UChar32 c) { return u_iscntrl(c) || u_isUWhiteSpace(c) || u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT); }

// A visible form of a character: symbols for spaces and line ends, the code point for other invisible characters.
std::string visible_character(char32_t code_point, std::string_view bytes, bool first) {
  constexpr std::string_view kLineEnd = "\xE2\x86\xB5", kTab = "\xE2\x87\xA5", kCircle = "\xE2\x97\x8C";
  if (code_point == ' ') return std::string(kSpace);
  if (code_point == '\n') return std::string(kLineEnd);
  if (code_point == '\t') return std::string(kTab);
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

std::string_view without_incomplete_end(std::string_view text) {
  while (text.ends_with(kReplacement)) text.remove_suffix(kReplacement.size());
  return text;
}

int width_of(char32_t code_point) {
  const auto c = static_cast<UChar32>(code_point);
  const int type = u_charType(c);
  if (type == U_NON_SPACING_MARK || type == U_ENCLOSING_MARK || type == U_FORMAT_CHAR || type == U_CONTROL_CHAR) return 0;
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
  // A token's text can depend on its neighbours (a leading space is dropped, a character spans tokens), so some preceding tokens are
  // decoded too.
  constexpr size_t kContext = 8;
  std::vector<std::string> labels;
  for (size_t i = 0; i < ids.size(); ++i) {
    const int32_t id = ids[i];
    if (id < 0 || id >= tokenizer.vocab_size()) {
      labels.push_back(fmt::format("<{}>", id));
    } else if (tokenizer.is_special(id)) {
      labels.push_back(visible(tokenizer.id_to_token(id)));
    } else {
      const size_t begin = i < kContext ? 0 : i - kContext;
      const std::string before = text_of(tokenizer, ids.subspan(begin, i - begin)),
                        with = text_of(tokenizer, ids.subspan(begin, i + 1 - begin));
      const std::string_view known = without_incomplete_end(before), now = without_incomplete_end(with);
      if (now.starts_with(known) && now.size() > known.size()) {
        labels.push_back(visible(now.substr(known.size())));
      } else {
        // The token ends within a character, or the decoder drops it here, like a leading space.
        const bool incomplete = now.starts_with(known) && with.size() > now.size();
        labels.push_back(incomplete ? std::string(kEllipsis) : visible(tokenizer.id_to_token(id)));
      }
    }
  }
  return labels;
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

}  // namespace qkv
