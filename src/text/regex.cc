#include "text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/error.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace qkv {
namespace {

// Writes a pattern for Oniguruma as one for PCRE2, where the two differ: what \w, \s and \h match.
class Translation {
 public:
  Translation(const std::string& pattern, const std::string& where) : pattern_(pattern), where_(where) {}

  std::string run() {
    for (size_t i = 0; i < pattern_.size(); ++i) {
      const char c = pattern_[i];
      if (c == '\\' && i + 1 < pattern_.size()) {
        escape(pattern_[++i]);
      } else {
        if (in_class_ ? c == ']' && i > class_begin_ : c == '[') {
          in_class_ = !in_class_;
          class_begin_ = i + (pattern_.compare(i + 1, 1, "^") == 0 ? 2 : 1);  // a ] that comes first stands for itself
        } else if (in_class_) {
          check_in_class(i);
        }
        result_.push_back(c);
      }
    }
    return std::move(result_);
  }

 private:
  void escape(char letter) {
    constexpr const char* kWord = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{B2}\\x{B3}\\x{B9}\\x{BC}-\\x{BE}";
    constexpr const char* kSpace = "\\t-\\r\\x{85}\\p{Z}";
    constexpr const char* kHexDigit = "0-9A-Fa-f";
    const bool negated = letter == 'W' || letter == 'S' || letter == 'H';
    const char* members = letter == 'w' || letter == 'W'   ? kWord
                          : letter == 's' || letter == 'S' ? kSpace
                          : letter == 'h' || letter == 'H' ? kHexDigit
                                                           : nullptr;
    if (!members || (negated && in_class_)) {
      if (members && letter == 'H') refuse("\\H in brackets");
      result_.append({'\\', letter});
    } else if (in_class_) {
      result_.append(members);
    } else {
      result_.append(negated ? "[^" : "[").append(members).push_back(']');
    }
  }

  void check_in_class(size_t i) const {
    if (pattern_[i] == '[' && pattern_.compare(i + 1, 1, ":") != 0) refuse("brackets in brackets");
    if (pattern_.compare(i, 2, "&&") == 0) refuse("&& in brackets");
  }

  [[noreturn]] void refuse(const char* what) const {
    fail(ErrorCode::unsupported, "{}: the pattern \"{}\" has {}, which qkv does not have", where_, pattern_, what);
  }

  const std::string& pattern_;
  const std::string& where_;
  std::string result_;
  bool in_class_ = false;
  size_t class_begin_ = 0;
};

}  // namespace

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
  const std::string translated = Translation(pattern, where).run();
  int error = 0;
  PCRE2_SIZE offset = 0;
  const uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C;
  impl_->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(), options, &error, &offset, nullptr);
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
