#include "text/unicode/oniguruma_regex.h"

#include <oniguruma.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"

namespace qkv {
namespace {

constexpr size_t kMaxPatternBytes = size_t{1} << 20;
constexpr unsigned kMaxStackEntries = 1u << 24;           // about 700 MB
constexpr unsigned long kMaxRetriesInMatch = 10'000'000;  // Oniguruma's own limit

const OnigUChar* bytes_of(std::string_view text) { return reinterpret_cast<const OnigUChar*>(text.data()); }

void initialize() {
  static const bool once = [] {
    OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
    onig_initialize(encodings, 1);
    onig_set_warn_func(onig_null_warn);
    onig_set_verb_warn_func(onig_null_warn);
    return true;
  }();
  (void)once;
}

std::string message_of(int error, OnigErrorInfo* info = nullptr) {
  std::array<OnigUChar, ONIG_MAX_ERROR_MESSAGE_LEN> text{};
  const int size = info ? onig_error_code_to_str(text.data(), error, info) : onig_error_code_to_str(text.data(), error);
  return {reinterpret_cast<const char*>(text.data()), static_cast<size_t>(std::max(size, 0))};
}

// True if there is an option P, as in (?P) or (?iP:…).
bool has_option_p(std::string_view pattern) {
  for (size_t at = pattern.find("(?"); at != std::string_view::npos; at = pattern.find("(?", at + 1)) {
    size_t end = at + 2;
    while (end < pattern.size() && (std::isalpha(static_cast<unsigned char>(pattern[end])) || pattern[end] == '-')) ++end;
    if (pattern.substr(at, end - at).find('P') != std::string_view::npos) return true;
  }
  return false;
}

// Oniguruma 6.9.8 interprets two classes differently from 6.9.10, which `tokenizers` uses; they are expanded: [:punct:] to [\p{P}\p{S}] and
// \p{Word} to \w. The first is left alone under option P, which restricts POSIX classes to ASCII.
std::string with_classes_written_out(const std::string& pattern) {
  const auto has = [&](size_t at, std::string_view text) {
    return std::string_view(pattern).substr(std::min(at, pattern.size())).starts_with(text);
  };
  const bool ascii = has_option_p(pattern);
  std::string result;
  int depth = 0;     // of brackets
  size_t first = 0;  // here a ] is literal because it comes first in the brackets
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (has(i, "\\p{Word}") || has(i, "\\P{Word}")) {
      result.append(pattern[i + 1] == 'p' ? "\\w" : "\\W");
      i += 7;
    } else if (pattern[i] == '\\' && i + 1 < pattern.size()) {
      result.append(pattern, i++, 2);
    } else if (depth > 0 && !ascii && has(i, "[:punct:]")) {
      result.append("\\p{P}\\p{S}");
      i += 8;
    } else if (depth > 0 && !ascii && has(i, "[:^punct:]")) {
      result.append("[^\\p{P}\\p{S}]");
      i += 9;
    } else {
      if (pattern[i] == '[') {
        ++depth;
        first = has(i + 1, "^") ? i + 2 : i + 1;
      } else if (pattern[i] == ']' && depth > 0 && i != first) {
        --depth;
      }
      result.push_back(pattern[i]);
    }
  }
  return result;
}

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Limits the time of one find_all. Word patterns search 10 to 50 MB/s. A limit on retries does not bound the time, since a lookahead may
// read to the end of the text at each place.
class Deadline {
 public:
  explicit Deadline(size_t bytes) : seconds_(2 + 2e-6 * static_cast<double>(bytes)) {}
  bool passed() {
    constexpr unsigned kSearches = 8;  // the clock is a system call
    if (++searches_ % kSearches != 0) return false;
    if (searches_ == kSearches) begin_ = thread_seconds();
    return thread_seconds() - begin_ > seconds_;
  }

 private:
  double seconds_, begin_ = 0;
  unsigned searches_ = 0;
};

}  // namespace

struct OnigurumaRegex::Impl {
  std::string pattern;
  regex_t* code = nullptr;
  bool searches_whole = false;  // \G is where a search begins
  ~Impl() { onig_free(code); }

  [[noreturn]] void fail_to_match(const std::string& why, size_t size) const {
    fail(ErrorCode::bad_input, "the tokenizer's pattern \"{}\" fails on a text of {} bytes: {}", shortened(pattern, 300), size, why);
  }
};

OnigurumaRegex::OnigurumaRegex(const std::string& pattern, const std::string& where) : impl_(std::make_unique<Impl>()) {
  initialize();
  if (pattern.size() > kMaxPatternBytes)
    fail(ErrorCode::bad_input, "{}: a pattern has {} bytes; at most {} are read", where, pattern.size(), kMaxPatternBytes);
  impl_->pattern = pattern;
  impl_->searches_whole = pattern.find("\\G") != std::string::npos;
  OnigErrorInfo info{};
  const std::string written = with_classes_written_out(pattern);
  const OnigUChar* begin = bytes_of(written);
  const int error =
      onig_new(&impl_->code, begin, begin + written.size(), ONIG_OPTION_NONE, ONIG_ENCODING_UTF8, ONIG_SYNTAX_ONIGURUMA, &info);
  if (error != ONIG_NORMAL) {
    impl_->code = nullptr;
    fail(ErrorCode::bad_input, "{}: the pattern \"{}\" is not a regular expression ({})", where, shortened(pattern, 300),
         shortened(message_of(error, &info), 200));
  }
}

OnigurumaRegex::~OnigurumaRegex() = default;

namespace {

// Searches one text, with the limits of one find_all.
class OnigurumaSearch {
 public:
  OnigurumaSearch(const OnigurumaRegex::Impl& regex, std::string_view text)
      : regex_(regex),
        text_(text),
        limits_(onig_new_match_param(), onig_free_match_param),
        region_(onig_region_new(), [](OnigRegion* region) { onig_region_free(region, 1); }),
        deadline_(text.size()) {
    if (!limits_ || !region_) regex_.fail_to_match("there is no memory", text.size());
    onig_initialize_match_param(limits_.get());
    onig_set_match_stack_limit_size_of_match_param(limits_.get(), kMaxStackEntries);
    onig_set_retry_limit_in_match_of_match_param(limits_.get(), kMaxRetriesInMatch);
    onig_set_retry_limit_in_search_of_match_param(limits_.get(), kMaxRetriesInMatch + 64 * text.size());
  }

  // Finds the first match that begins at or after `start`; false if there is none.
  bool find(size_t start) {
    constexpr size_t kSearchedAtOnce = size_t{1} << 14;  // bytes: in longer texts the clock is also checked between places
    if (text_.size() <= kSearchedAtOnce || regex_.searches_whole) return is_match(start, true);
    for (; start < text_.size(); start += utf8_length(text_[start])) {
      if (is_match(start, false)) return true;
    }
    return is_match(text_.size(), false);
  }
  size_t begin() const { return static_cast<size_t>(region_->beg[0]); }
  size_t end() const { return static_cast<size_t>(region_->end[0]); }

 private:
  bool is_match(size_t start, bool or_behind) {
    if (deadline_.passed()) regex_.fail_to_match("it takes too long", text_.size());
    const OnigUChar *text = bytes_of(text_), *end = text + text_.size();
    const int result =
        or_behind ? onig_search_with_param(regex_.code, text, end, text + start, end, region_.get(), ONIG_OPTION_NONE, limits_.get())
                  : onig_match_with_param(regex_.code, text, end, text + start, region_.get(), ONIG_OPTION_NONE, limits_.get());
    if (result < 0 && result != ONIG_MISMATCH) regex_.fail_to_match(message_of(result), text_.size());
    return result >= 0;
  }

  const OnigurumaRegex::Impl& regex_;
  std::string_view text_;
  std::unique_ptr<OnigMatchParam, void (*)(OnigMatchParam*)> limits_;
  std::unique_ptr<OnigRegion, void (*)(OnigRegion*)> region_;
  Deadline deadline_;
};

}  // namespace

void OnigurumaRegex::find_all(std::string_view text, const std::function<void(size_t, size_t)>& found) const {
  OnigurumaSearch search(*impl_, text);
  constexpr size_t kNone = SIZE_MAX;
  size_t last_end = kNone;
  for (size_t start = 0; start <= text.size() && search.find(start);) {
    const size_t begin = search.begin(), end = search.end();
    if (end < begin) return;  // \K in a lookahead can cause this
    if (begin != end || begin != last_end) found(begin, end);
    last_end = end;
    start = end;
    if (begin == end) {  // an empty match: continue one character later
      if (end == text.size()) return;
      start += utf8_length(text[end]);
    }
  }
}

}  // namespace qkv
