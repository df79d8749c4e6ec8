#include "chat/jinja/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

#include "base/utf8.h"
#include "chat/jinja/python_string.h"

namespace qkv::jinja {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_character(char c) { return is_digit(c) || c == '_' || std::isalpha(static_cast<unsigned char>(c)); }

// "\r\n" and "\r" become "\n"; one newline at the end goes away.
std::string with_plain_newlines(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      text += source[i];
    } else if (i + 1 >= source.size() || source[i + 1] != '\n') {
      text += '\n';
    }
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(with_plain_newlines(source)) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) read_text();
    add(TokenKind::end, "");
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void fail(std::string what, ErrorCode code = ErrorCode::bad_input) const { throw SyntaxFault{std::move(what), line_, code}; }
  bool starts(std::string_view text) const { return source_.compare(at_, text.size(), text) == 0; }
  void add(TokenKind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }
  void advance(size_t count) {
    line_ += static_cast<int>(
        std::count(source_.begin() + static_cast<ptrdiff_t>(at_), source_.begin() + static_cast<ptrdiff_t>(at_ + count), '\n'));
    at_ += count;
  }
  void skip_spaces() {
    while (at_ < source_.size()) {
      const Character c = character_at(source_, at_);
      if (!is_space(c.code_point)) return;
      advance(c.length);
    }
  }

  // Plain text up to the next tag, then that tag.
  void read_text() {
    size_t open = at_;
    while (open < source_.size() && !(source_[open] == '{' && open + 1 < source_.size() &&
                                      std::string_view("{%#").find(source_[open + 1]) != std::string_view::npos))
      ++open;
    if (open >= source_.size()) {
      add_text(source_.size());
      return;
    }
    const char kind = source_[open + 1], sign = open + 2 < source_.size() ? source_[open + 2] : ' ';
    const bool has_sign = sign == '-' || sign == '+';
    add_text(text_end(open, has_sign ? sign : ' ', kind == '{'));
    advance(open - at_ + 2 + has_sign);
    line_start_ = false;
    if (kind == '#') return skip_comment();
    if (kind == '%' && read_raw()) return;
    add(kind == '%' ? TokenKind::block_begin : TokenKind::print_begin, "");
    read_expression(kind == '%');
  }

  void add_text(size_t end) {
    if (end <= at_) return;
    std::string text = source_.substr(at_, end - at_);
    add(TokenKind::text, text);
    advance(end - at_);
  }

  // The end of the text before a tag at `open`, without what the tag removes to its left.
  size_t text_end(size_t open, char sign, bool print) const {
    const std::string_view text = std::string_view(source_).substr(at_, open - at_);
    if (sign == '-') return at_ + strip(text, std::nullopt, Ends::right).size();
    if (sign == '+' || print) return open;
    const size_t newline = text.rfind('\n');
    if (newline == std::string_view::npos && !line_start_) return open;
    const size_t begin = newline == std::string_view::npos ? 0 : newline + 1;
    return strip(text.substr(begin), std::nullopt).empty() ? at_ + begin : open;
  }

  // Behind the end of a tag: "-" removes all whitespace, a block or comment also removes one newline unless it has "+".
  void after_tag(char sign, bool print) {
    if (sign == '-') {
      const size_t begin = at_;
      skip_spaces();
      line_start_ = at_ > begin && source_[at_ - 1] == '\n';
      return;
    }
    line_start_ = !print && sign != '+' && starts("\n");
    if (line_start_) advance(1);
  }

  void skip_comment() {
    const size_t end = source_.find("#}", at_);
    if (end == std::string::npos) fail("a comment {# is not closed by #}");
    const char sign = end > at_ && (source_[end - 1] == '-' || source_[end - 1] == '+') ? source_[end - 1] : ' ';
    advance(end + 2 - at_);
    after_tag(sign, false);
  }

  // Moves behind `word` and the end of its tag; false, without moving, if it is another tag. `sign`: at the end.
  bool skip_tag(std::string_view word, char& sign) {
    size_t i = at_;
    const auto skip = [&] {
      while (i < source_.size() && is_space(static_cast<unsigned char>(source_[i]))) ++i;
    };
    skip();
    if (source_.compare(i, word.size(), word) != 0) return false;
    i += word.size();
    skip();
    sign = i < source_.size() && (source_[i] == '-' || source_[i] == '+') ? source_[i] : ' ';
    i += sign != ' ';
    if (source_.compare(i, 2, "%}") != 0) return false;
    advance(i + 2 - at_);
    return true;
  }

  bool read_raw() {
    char sign = ' ';
    if (!skip_tag("raw", sign)) return false;
    // The newline behind {% raw %} stays, unlike behind other tags.
    if (sign == '-') skip_spaces();
    line_start_ = false;
    const int line = line_;
    for (size_t open = source_.find("{%", at_); open != std::string::npos; open = source_.find("{%", open + 2)) {
      const char left = open + 2 < source_.size() ? source_[open + 2] : ' ';
      const bool has_sign = left == '-' || left == '+';
      const size_t begin = at_;
      const int begin_line = line_;
      const size_t end = text_end(open, has_sign ? left : ' ', false);
      at_ = open + 2 + has_sign;
      if (!skip_tag("endraw", sign)) {
        at_ = begin;
        line_ = begin_line;
        continue;
      }
      const size_t behind = at_;
      at_ = begin;
      line_ = begin_line;
      add_text(end);
      advance(behind - at_);
      after_tag(sign, false);
      return true;
    }
    line_ = line;
    fail("{% raw %} is not closed by {% endraw %}");
  }

  void read_expression(bool block) {
    const std::string_view close = block ? "%}" : "}}";
    const int line = line_;
    for (;;) {
      skip_spaces();
      if (at_ >= source_.size()) {
        line_ = line;
        fail(block ? "a tag {% is not closed by %}" : "an expression {{ is not closed by }}");
      }
      if (open_.empty()) {
        const char sign = source_[at_] == '-' || (block && source_[at_] == '+') ? source_[at_] : ' ';
        if (source_.compare(at_ + (sign != ' '), 2, close) == 0) {
          advance(2 + (sign != ' '));
          add(block ? TokenKind::block_end : TokenKind::print_end, "");
          return after_tag(sign, !block);
        }
      }
      read_token();
    }
  }

  void read_token() {
    const char c = source_[at_];
    if (is_digit(c)) return read_number();
    if (is_name_character(c)) {
      size_t end = at_;
      while (end < source_.size() && is_name_character(source_[end])) ++end;
      if (end < source_.size() && static_cast<unsigned char>(source_[end]) >= 0x80)
        fail("names with letters beyond a-z are not supported", ErrorCode::unsupported);
      add(TokenKind::name, source_.substr(at_, end - at_));
      return advance(end - at_);
    }
    if (c == '\'' || c == '"') return read_string(c);
    for (const std::string_view symbol : {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
                                          "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"}) {
      if (!starts(symbol)) continue;
      match_brackets(symbol);
      add(TokenKind::symbol, std::string(symbol));
      return advance(symbol.size());
    }
    fail(fmt::format("unexpected character '{}'", source_.substr(at_, character_at(source_, at_).length)));
  }

  void match_brackets(std::string_view symbol) {
    constexpr std::string_view kOpen = "([{", kClose = ")]}";
    if (kOpen.find(symbol[0]) != std::string_view::npos) open_ += symbol[0];
    const size_t closing = kClose.find(symbol[0]);
    if (closing == std::string_view::npos) return;
    if (open_.empty()) fail(fmt::format("unexpected '{}'", symbol));
    if (open_.back() != kOpen[closing]) fail(fmt::format("'{}' closes what '{}' opens", symbol, open_.back()));
    open_.pop_back();
  }

  // Digits with single underscores between them.
  size_t digits_end(size_t at) const {
    while (at < source_.size() && (is_digit(source_[at]) || (source_[at] == '_' && at + 1 < source_.size() && is_digit(source_[at + 1]))))
      ++at;
    return at;
  }

  void read_number() {
    size_t end = at_;
    bool real = false;
    if (source_[at_] == '0' && at_ + 1 < source_.size() && std::string_view("xXoObB").find(source_[at_ + 1]) != std::string_view::npos) {
      end += 2;
      while (end < source_.size() && (std::isxdigit(static_cast<unsigned char>(source_[end])) || source_[end] == '_')) ++end;
    } else {
      end = digits_end(end);
      const bool after_dot = at_ > 0 && source_[at_ - 1] == '.';
      if (!after_dot && end + 1 < source_.size() && source_[end] == '.' && is_digit(source_[end + 1])) {
        end = digits_end(end + 1);
        real = true;
      }
      if (!after_dot && end + 1 < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
        const size_t exponent = end + 1 + (source_[end + 1] == '+' || source_[end + 1] == '-');
        if (exponent < source_.size() && is_digit(source_[exponent])) {
          end = digits_end(exponent);
          real = true;
        }
      }
    }
    std::string digits = source_.substr(at_, end - at_);
    std::erase(digits, '_');
    if (!real && digits.size() > 1 && digits[0] == '0' && digits.find_first_not_of('0') != std::string::npos && is_digit(digits[1]))
      fail(fmt::format("{} is not a number: it begins with 0", digits));
    add(real ? TokenKind::real : TokenKind::integer, digits);
    advance(end - at_);
  }

  void read_string(char quote) {
    size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) fail("a string is not closed");
    add(TokenKind::string, unescape(std::string_view(source_).substr(at_ + 1, end - at_ - 1)));
    advance(end + 1 - at_);
  }

  char32_t hexadecimal(std::string_view text, size_t at, size_t count) const {
    char32_t value = 0;
    for (size_t i = at; i < at + count; ++i) {
      if (i >= text.size() || !std::isxdigit(static_cast<unsigned char>(text[i]))) fail("a string has an escape with too few digits");
      const char c = text[i];
      value = value * 16 + static_cast<char32_t>(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) fail("a string has an escape that is no character");
    return value;
  }

  // Python's escapes.
  std::string unescape(std::string_view text) const {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\\' || i + 1 >= text.size()) {
        out += text[i];
        continue;
      }
      const char c = text[++i];
      constexpr std::string_view kLetters = "abfnrtv\\'\"", kValues = "\a\b\f\n\r\t\v\\'\"";
      if (const size_t known = kLetters.find(c); known != std::string_view::npos) {
        out += kValues[known];
      } else if (c == 'x' || c == 'u' || c == 'U') {
        const size_t count = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        append_utf8(out, hexadecimal(text, i + 1, count));
        i += count;
      } else if (c >= '0' && c <= '7') {
        char32_t value = 0;
        size_t count = 0;
        for (; count < 3 && i < text.size() && text[i] >= '0' && text[i] <= '7'; ++count, ++i)
          value = value * 8 + static_cast<char32_t>(text[i] - '0');
        --i;
        append_utf8(out, value);
      } else if (c == 'N') {
        fail("escapes by name (\\N) are not supported in strings", ErrorCode::unsupported);
      } else if (c != '\n') {
        out += {'\\', c};
      }
    }
    return out;
  }

  std::string source_;
  size_t at_ = 0;
  int line_ = 1;
  bool line_start_ = true;  // whether the last tag left off at the beginning of a line
  std::string open_;        // brackets that are open
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source) { return Lexer(source).run(); }

}  // namespace qkv::jinja
