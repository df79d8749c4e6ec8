#include "decode/token_labels.h"

#include <unicode/uchar.h>

#include <fmt/format.h>

#include "decode/translator.h"
#include "text/utf8.h"

namespace qkv {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD", kSpace = "\xE2\x96\x81", kEllipsis = "\xE2\x80\xA6";

// The label of a piece of text.
std::string visible(std::string_view text) {
  std::string label;
  for (size_t i = 0; i < text.size();) {
    const Character c = character_at(text, i);
    if (c.code_point == ' ') {
      label += kSpace;
    } else if (u_iscntrl(static_cast<UChar32>(c.code_point))) {
      label += kReplacement;
    } else {
      label += text.substr(i, c.length);
    }
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

std::vector<std::string> token_labels(const Tokenizer& tokenizer, std::span<const int32_t> ids) {
  // A token's text can depend on its neighbours (a space is dropped at the start, a character spans tokens): decode what precedes it too,
  // from a few tokens back.
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
      if (!now.starts_with(known)) {
        labels.push_back(visible(tokenizer.id_to_token(id)));
      } else {
        labels.push_back(now.size() == known.size() ? std::string(kEllipsis) : visible(now.substr(known.size())));
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
