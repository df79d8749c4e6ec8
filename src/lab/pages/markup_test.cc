#include "lab/pages/markup.h"

#include <gtest/gtest.h>

namespace qkv::lab {
namespace {

std::string html(std::string_view text) {
  return to_html(text, [](const std::string& name) { return "<" + name + ">\n"; });
}

TEST(Markup, ParagraphsListsAndBlocks) {
  EXPECT_EQ(html("a\nb\n\n[[x]]\n\n- c\n- d\n  e"), "<p>a b</p>\n<x>\n<ul>\n<li>c</li>\n<li>d e</li>\n</ul>\n");
  EXPECT_EQ(html("中文\n相连"), "<p>中文相连</p>\n");
}

TEST(Markup, EscapesTextButNotItsMarks) {
  EXPECT_EQ(inline_html("a < b & **c** `d<e` *f* [g](h.html) [1, 2]"),
            "a &lt; b &amp; <strong>c</strong> <code>d&lt;e</code> <em>f</em> <a href=\"h.html\">g</a> [1, 2]");
}

TEST(Markup, TablesHaveHeaders) {
  EXPECT_EQ(
      html("| a | $x$ |\n| --- | --- |\n| b | c |"),
      "<div class=\"wide\" tabindex=\"0\"><table>\n<thead><tr><th scope=\"col\">a</th><th scope=\"col\"><math><mi>x</mi></math></th></tr>\n"
      "</thead>\n<tbody><tr><th scope=\"row\">b</th><td>c</td></tr>\n</tbody></table></div>\n");
}

TEST(Markup, ReadersCountWordsOrCharacters) {
  EXPECT_EQ(reading_length("Two words, then $a + b$.", Language::en), 4);
  EXPECT_EQ(reading_length("除以 $\\sqrt{d_k}$。", Language::zh), 6);
}

}  // namespace
}  // namespace qkv::lab
