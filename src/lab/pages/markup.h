// The catalogue's Markdown, written as HTML: paragraphs, lists, tables, headings of level 3, code, bold, emphasis, links, formulas between
// $ (in a line) or $$ (on lines of their own), and blocks [[NAME]] that code makes.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "lab/pages/catalogue.h"

namespace qkv::lab {

// `block` returns the HTML of [[NAME]].
std::string to_html(std::string_view markdown, const std::function<std::string(const std::string& name)>& block);
// The text of one line, without paragraph.
std::string inline_html(std::string_view markdown);

// The number of words of an English text (a formula is one), or of characters of a Chinese one, punctuation included.
int reading_length(std::string_view markdown, Language language);

}  // namespace qkv::lab
