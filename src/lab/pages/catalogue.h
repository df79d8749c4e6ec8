// The prose of the lab's pages: text/LANGUAGE/NAME.md, built into the program.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace qkv::lab {

enum class Language { en, zh };
inline constexpr Language kLanguages[] = {Language::en, Language::zh};
const char* code_of(Language language);       // "en", "zh": a folder of the texts and of the pages
const char* html_code_of(Language language);  // "en", "zh-CN"

struct EmbeddedText {
  const char* language;
  const char* name;
  std::string_view text;
};
std::span<const EmbeddedText> embedded_texts();  // written by cmake/embed_texts.cmake

// The parts of a page, in the order in which they are read.
inline constexpr const char* kSections[] = {"answer", "why", "by_hand", "figure", "textbook", "measured", "reach", "settings", "code"};

// A page's text. Its file begins with "# TITLE"; "## SECTION" begins a section; lines "KEY: WORDS" of the section "labels" are the words of
// its drawings.
struct PageText {
  std::string title;
  std::map<std::string, std::string, std::less<>> sections, labels;

  const std::string& section(std::string_view name) const;  // empty if there is none
  const std::string& label(std::string_view key) const;     // throws Error(internal) if there is none
};

// Throws Error(internal) that names `where` if the text has another form.
PageText parse_page(std::string_view text, const std::string& where);
// Throws Error(internal) if there is no such text.
const PageText& page_text(Language language, std::string_view name);

// Words that all pages share: text/LANGUAGE/common.md.
const std::string& common_words(Language language, std::string_view key);
// The name that readers know for a name of the record (an arm, a value, a corpus's hash): text/LANGUAGE/terms.md. The name itself if the
// language has none.
std::string term(Language language, const std::string& name);

// `text` with each {{NAME}} replaced by `replace(NAME)`.
template <typename Replace>
std::string fill(std::string_view text, Replace&& replace) {
  std::string result;
  for (;;) {
    const size_t begin = text.find("{{");
    const size_t end = begin == std::string_view::npos ? begin : text.find("}}", begin);
    if (end == std::string_view::npos) return result.append(text);
    result.append(text.substr(0, begin));
    result.append(replace(std::string(text.substr(begin + 2, end - begin - 2))));
    text.remove_prefix(end + 2);
  }
}

// The text between the first `begin` and the next `end`, split at a separator.
std::vector<std::string> split_at(std::string_view text, std::string_view separator);
std::string_view trimmed(std::string_view text);

}  // namespace qkv::lab
