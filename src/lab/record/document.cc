#include "lab/record/document.h"

#include <fmt/format.h>

#include "base/files.h"

namespace qkv::lab {
namespace {

std::string escaped(std::string_view text, std::string_view special, const std::vector<std::string>& replacements) {
  std::string result;
  for (const char c : text) {
    const size_t at = special.find(c);
    if (at == std::string_view::npos) {
      result += c;
    } else {
      result += replacements[at];
    }
  }
  return result;
}
std::string markdown(std::string_view text) { return escaped(text, "|<*", {"\\|", "&lt;", "\\*"}); }
std::string html(std::string_view text) { return escaped(text, "&<>\"", {"&amp;", "&lt;", "&gt;", "&quot;"}); }

struct Markdown {
  std::string operator()(const Heading& h) const {
    return fmt::format("{} {}\n\n", std::string(static_cast<size_t>(h.level), '#'), markdown(h.text));
  }
  std::string operator()(const Paragraph& p) const {
    return fmt::format("{}{}\n\n", p.label.empty() ? "" : fmt::format("**{}** ", markdown(p.label)), markdown(p.text));
  }
  std::string operator()(const Table& table) const {
    const auto row = [](const std::vector<Cell>& cells) {
      std::string line = "|";
      for (const Cell& cell : cells) {
        const std::string words = markdown(cell.text);
        line += fmt::format(" {} |", cell.page.empty() ? words : fmt::format("[{}]({}.md)", words, cell.page));
      }
      return line + "\n";
    };
    std::string text = row(table.header) + row(std::vector<Cell>(table.header.size(), "---"));
    for (const std::vector<Cell>& cells : table.rows) text += row(cells);
    return text + "\n";
  }
  std::string operator()(const Picture& picture) const {
    return fmt::format("![{}]({})\n\n", picture.title, picture.file.generic_string());
  }
};

struct Html {
  const std::filesystem::path& directory;

  std::string operator()(const Heading& h) const {
    return fmt::format("<h{0}{1}>{2}</h{0}>\n", h.level, h.page.empty() ? "" : fmt::format(" id=\"{}\"", h.page), html(h.text));
  }
  std::string operator()(const Paragraph& p) const {
    return fmt::format("<p>{}{}</p>\n", p.label.empty() ? "" : fmt::format("<b>{}</b> ", html(p.label)), html(p.text));
  }
  std::string operator()(const Table& table) const {
    const auto row = [](const std::vector<Cell>& cells, const char* tag) {
      std::string line = "<tr>";
      for (const Cell& cell : cells) {
        const std::string words = html(cell.text);
        line += fmt::format("<{0}>{1}</{0}>", tag, cell.page.empty() ? words : fmt::format("<a href=\"#{}\">{}</a>", cell.page, words));
      }
      return line + "</tr>\n";
    };
    std::string text = "<table>\n" + row(table.header, "th");
    for (const std::vector<Cell>& cells : table.rows) text += row(cells, "td");
    return text + "</table>\n";
  }
  std::string operator()(const Picture& picture) const {
    const std::string file = read_file(directory / picture.file);
    const size_t begin = file.find("<svg");  // without the XML declaration, which HTML does not allow
    return fmt::format("<figure role=\"img\" aria-label=\"{}\">{}</figure>\n", html(picture.title),
                       begin == std::string::npos ? "" : file.substr(begin));
  }
};

}  // namespace

std::string to_markdown(const Document& document) {
  std::string text;
  for (const Block& block : document) text += std::visit(Markdown{}, block);
  while (text.ends_with("\n\n")) text.pop_back();
  return text;
}

std::string to_html(const Document& document, const std::filesystem::path& directory) {
  std::string text;
  for (const Block& block : document) text += std::visit(Html{directory}, block);
  return text;
}

std::string html_page(const std::string& title, const std::string& body) {
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width\">\n<title>{}</title>\n"
      "<style>body{{font:16px/1.5 sans-serif;max-width:52em;margin:2em auto;padding:0 1em;color:#222}}"
      "table{{border-collapse:collapse;margin:1em 0;font-size:90%}}td,th{{border-bottom:1px solid #ddd;padding:.25em .7em;text-align:left}}"
      "figure{{margin:1em 0}}figure svg{{max-width:100%;height:auto}}h2{{margin-top:3em;border-top:2px solid "
      "#ddd;padding-top:1em}}</style>\n"
      "<body>\n{}</body>\n</html>\n",
      html(title), body);
}

}  // namespace qkv::lab
