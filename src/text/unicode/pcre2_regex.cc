#include "text/unicode/pcre2_regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/error.h"
#include "base/utf8.h"

namespace qkv {
namespace {

// Expands white space to the property White_Space: PCRE2's \s has U+180E, too.
std::string with_white_space_written_out(std::string_view pattern) {
  constexpr const char* kSpace = "\\t-\\r\\x{85}\\p{Z}";
  std::string result;
  bool in_brackets = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c != '\\' || i + 1 == pattern.size()) {
      in_brackets = c == '[' || (in_brackets && c != ']');
      result.push_back(c);
    } else if (pattern[++i] == 's') {
      in_brackets ? result.append(kSpace) : result.append("[").append(kSpace).append("]");
    } else if (pattern[i] == 'S') {
      QKV_REQUIRE(!in_brackets, "\\S in brackets is left to Oniguruma");
      result.append("[^").append(kSpace).append("]");
    } else {
      result.append({'\\', pattern[i]});
    }
  }
  return result;
}

std::string message_of(int error) {
  PCRE2_UCHAR message[200];
  pcre2_get_error_message(error, message, sizeof message);
  return reinterpret_cast<const char*>(message);
}

}  // namespace

struct Pcre2Regex::Impl {
  std::string pattern;
  pcre2_code* code = nullptr;
  ~Impl() { pcre2_code_free(code); }
};

Pcre2Regex::Pcre2Regex(std::string_view pattern) : impl_(std::make_unique<Impl>()) {
  impl_->pattern = pattern;
  const std::string written = with_white_space_written_out(pattern);
  int error = 0;
  PCRE2_SIZE offset = 0;
  const uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C;
  impl_->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(written.data()), written.size(), options, &error, &offset, nullptr);
  if (!impl_->code) fail(ErrorCode::internal, "the pattern \"{}\" does not compile ({}, at byte {})", written, message_of(error), offset);
  pcre2_jit_compile(impl_->code, PCRE2_JIT_COMPLETE);  // without it matching is slower
}

Pcre2Regex::~Pcre2Regex() = default;

void Pcre2Regex::find_all(std::string_view text, const std::function<void(size_t, size_t)>& found) const {
  const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> data(pcre2_match_data_create_from_pattern(impl_->code, nullptr),
                                                                            pcre2_match_data_free);
  for (size_t start = 0; start < text.size();) {
    const int result =
        pcre2_match(impl_->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), start, PCRE2_NO_UTF_CHECK, data.get(), nullptr);
    if (result == PCRE2_ERROR_NOMATCH) return;
    if (result < 0) {
      fail(ErrorCode::bad_input, "the tokenizer's pattern \"{}\" fails on a text of {} bytes: {}", impl_->pattern, text.size(),
           message_of(result));
    }
    const PCRE2_SIZE* range = pcre2_get_ovector_pointer(data.get());
    found(range[0], range[1]);
    start = range[1];  // none of the known patterns has empty matches
  }
}

}  // namespace qkv
