#include "text/unicode/regex.h"

#include <optional>

#include "base/utf8.h"
#include "text/unicode/oniguruma_regex.h"
#include "text/unicode/pcre2_regex.h"
#include "text/unicode/split_patterns.h"
#include "text/unicode/unicode.h"

namespace qkv {
namespace {

using Found = std::function<void(size_t, size_t)>;

// An empty pattern matches in front of each character and at the end.
void find_literal(std::string_view pattern, std::string_view text, const Found& found) {
  if (pattern.empty()) {
    for (size_t i = 0; i < text.size(); i += utf8_length(text[i])) found(i, i);
    return found(text.size(), text.size());
  }
  for (size_t at = text.find(pattern); at != std::string_view::npos; at = text.find(pattern, at + pattern.size())) {
    found(at, at + pattern.size());
  }
}

// \s+
void find_spaces(std::string_view text, const Found& found) {
  for (size_t i = 0; i < text.size();) {
    Character c = character_at(text, i);
    const size_t begin = i;
    while (is_white_space(c.code_point)) {
      i += c.length;
      if (i == text.size()) break;
      c = character_at(text, i);
    }
    if (i > begin) {
      found(begin, i);
    } else {
      i += c.length;
    }
  }
}

}  // namespace

// The matching engine: a scanner, PCRE2 for patterns shown to match alike, or Oniguruma for all others.
struct Regex::Impl {
  std::optional<std::string> literal;
  std::optional<Pcre2Regex> pcre2;
  std::optional<OnigurumaRegex> oniguruma;
};

Regex::Regex() : impl_(std::make_unique<Impl>()) {}
Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

Regex Regex::literal(const std::string& text) {
  Regex regex;
  regex.impl_->literal = text;
  return regex;
}

Regex::Regex(const std::string& pattern, const std::string& where) : Regex() {
  if (pattern == "\\s+") return;
  if (patterns::is_known(pattern)) {
    impl_->pcre2.emplace(pattern);
  } else {
    impl_->oniguruma.emplace(pattern, where);
  }
}

void Regex::find_all(std::string_view text, const Found& found) const {
  if (text.empty()) return;
  if (impl_->literal) return find_literal(*impl_->literal, text, found);
  if (impl_->pcre2) return impl_->pcre2->find_all(text, found);
  if (impl_->oniguruma) return impl_->oniguruma->find_all(text, found);
  find_spaces(text, found);
}

}  // namespace qkv
