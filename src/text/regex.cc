#include "text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/error.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace qkv {

struct Regex::Impl {
  std::string pattern;
  bool literal = false;
  bool runs_of_space = false;  // \s+, the most frequent one: a scanner of its own
  pcre2_code* code = nullptr;
  ~Impl() { pcre2_code_free(code); }

  void find_literal(std::string_view text, const std::function<void(size_t, size_t)>& found) const {
    if (pattern.empty()) return;
    for (size_t at = text.find(pattern); at != std::string_view::npos; at = text.find(pattern, at + pattern.size())) {
      found(at, at + pattern.size());
    }
  }

  static void find_spaces(std::string_view text, const std::function<void(size_t, size_t)>& found) {
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

  void find_matches(std::string_view text, const std::function<void(size_t, size_t)>& found) const {
    const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> data(pcre2_match_data_create_from_pattern(code, nullptr),
                                                                              pcre2_match_data_free);
    constexpr size_t kNone = SIZE_MAX;
    size_t last_end = kNone;
    for (size_t start = 0; start <= text.size();) {
      const int result =
          pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), start, PCRE2_NO_UTF_CHECK, data.get(), nullptr);
      if (result == PCRE2_ERROR_NOMATCH) return;
      if (result < 0) fail_to_match(result, text.size());
      const PCRE2_SIZE* range = pcre2_get_ovector_pointer(data.get());
      const size_t begin = range[0], end = range[1];
      if (end < begin) return;  // \K in a lookahead can do that
      if (begin != end || begin != last_end) found(begin, end);
      last_end = end;
      if (begin != end) {
        start = end;
      } else {  // an empty match: go on one character later
        if (end == text.size()) return;
        start = end + utf8_length(text[end]);
      }
    }
  }

  [[noreturn]] void fail_to_match(int error, size_t size) const {
    PCRE2_UCHAR message[200];
    pcre2_get_error_message(error, message, sizeof message);
    fail(ErrorCode::bad_input, "the tokenizer's pattern \"{}\" fails on a text of {} bytes: {}", pattern, size,
         reinterpret_cast<const char*>(message));
  }
};

Regex::Regex() : impl_(std::make_unique<Impl>()) {}
Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

Regex Regex::literal(const std::string& text) {
  Regex regex;
  regex.impl_->pattern = text;
  regex.impl_->literal = true;
  return regex;
}

Regex::Regex(const std::string& pattern, const std::string& where) : impl_(std::make_unique<Impl>()) {
  impl_->pattern = pattern;
  impl_->runs_of_space = pattern == "\\s+";
  if (impl_->runs_of_space) return;
  int error = 0;
  PCRE2_SIZE offset = 0;
  impl_->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C,
                              &error, &offset, nullptr);
  if (!impl_->code) {
    PCRE2_UCHAR message[200];
    pcre2_get_error_message(error, message, sizeof message);
    fail(ErrorCode::bad_input, "{}: the pattern \"{}\" is not a regular expression ({}, at byte {})", where, pattern,
         reinterpret_cast<const char*>(message), offset);
  }
  pcre2_jit_compile(impl_->code, PCRE2_JIT_COMPLETE);  // where it is not possible, matching is slower
}

void Regex::find_all(std::string_view text, const std::function<void(size_t, size_t)>& found) const {
  if (impl_->literal) return impl_->find_literal(text, found);
  if (impl_->runs_of_space) return Impl::find_spaces(text, found);
  impl_->find_matches(text, found);
}

}  // namespace qkv
