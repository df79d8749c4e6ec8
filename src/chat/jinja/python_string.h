// Python's methods of str on UTF-8. Positions and lengths are in characters.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace qkv::jinja {

bool is_space(char32_t c);        // str.isspace()
bool is_word_letter(char32_t c);  // \w
bool is_printable(char32_t c);    // str.isprintable()

enum class Ends { both, left, right };
// strip, lstrip, rstrip: of whitespace, or of the characters of a set.
std::string_view strip(std::string_view text, std::optional<std::string_view> set, Ends ends = Ends::both);

std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string capitalize(std::string_view text);
std::string title(std::string_view text);
std::string swap_case(std::string_view text);
std::string case_fold(std::string_view text);

// split() at whitespace, or at a separator; at most `most` cuts from the left or, with `from_right`, the right (negative: all).
std::vector<std::string_view> split_at_spaces(std::string_view text, int64_t most, bool from_right);
std::vector<std::string_view> split_at(std::string_view text, std::string_view separator, int64_t most, bool from_right);
std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends);

// At most `most` replacements (negative: all). `limit`: the largest result in bytes; nothing if it would be larger.
std::optional<std::string> replace(std::string_view text, std::string_view old, std::string_view fresh, int64_t most, size_t limit);

// & < > " ' as entities of HTML.
std::string html_escaped(std::string_view text);

// The part from character `begin` to `end`, which may be beyond the text.
std::string_view characters(std::string_view text, int64_t begin, int64_t end);

}  // namespace qkv::jinja
