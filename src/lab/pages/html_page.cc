#include "lab/pages/html_page.h"

#include <fmt/format.h>

#include "lab/pages/mathml.h"
#include "view/html_escaped.h"
#include "view/view_file.h"

namespace qkv::lab {
namespace {

// A link to the start, one to the playground, the search (which index.html answers) and one to the other language.
std::string header_of(const HtmlPage& page) {
  const auto words = [&](const char* key) { return html_escaped(common_words(page.language, key)); };
  const Language other = page.language == Language::en ? Language::zh : Language::en;
  const std::string change = page.switched ? fmt::format("<a href=\"../{0}/{1}.html\" lang=\"{2}\" hreflang=\"{2}\">{3}</a>",
                                                         code_of(other), page.name, html_code_of(other), words("other language"))
                                           : "";
  return fmt::format(
      "<header><a href=\"index.html\">{}</a><a href=\"playground.html\">{}</a><form role=\"search\" action=\"index.html\"><input "
      "type=\"search\" name=\"q\" id=\"search\" autocomplete=\"off\" aria-label=\"{}\" placeholder=\"{}\"></form>{}</header>\n",
      words("all questions"), words("playground"), words("search all"), words("search"), change);
}

}  // namespace

std::string html_file(const HtmlPage& page, const std::string& contents) {
  const std::string questions = html_escaped(common_words(page.language, "all questions"));
  return fmt::format(
      "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\">\n<title>{}</title>\n<style>\n{}{}</style>\n</head>\n<body{}>\n{}<main>\n{}</main>\n"
      "{}{}</body>\n</html>\n",
      html_code_of(page.language), html_escaped(page.title), view_file("page.css"), page.style, page.full ? " class=\"full\"" : "",
      header_of(page), page.body,
      contents.empty() ? "" : fmt::format("<nav aria-label=\"{0}\"><h2>{0}</h2>\n{1}</nav>\n", questions, contents),
      page.script.empty() ? "" : "<script>\n" + page.script + "</script>\n");
}

}  // namespace qkv::lab
