// A text with tables and pictures, written as Markdown and as HTML.
#pragma once

#include <filesystem>
#include <string>
#include <variant>
#include <vector>

namespace qkv::lab {

struct Heading {
  int level;  // 1 to 3
  std::string text;
  std::string page;  // if it is a page's first heading: page.md in Markdown, a section of one HTML file
};
struct Paragraph {
  std::string label;  // in bold in front; may be empty
  std::string text;
};
struct Cell {
  std::string text;
  std::string page;  // the page it links to; may be empty

  Cell(std::string text, std::string page = {}) : text(std::move(text)), page(std::move(page)) {}
  Cell(const char* text) : text(text) {}
};
struct Table {
  std::vector<Cell> header;
  std::vector<std::vector<Cell>> rows;
};
struct Picture {
  std::filesystem::path file;  // SVG, relative to the document
  std::string title;
};

using Block = std::variant<Heading, Paragraph, Table, Picture>;
using Document = std::vector<Block>;

std::string to_markdown(const Document& document);
// A fragment for the body of a page. Pictures are embedded: their files are read from `directory`.
std::string to_html(const Document& document, const std::filesystem::path& directory);
// A complete page around such fragments, without any external resources.
std::string html_page(const std::string& title, const std::string& body);

}  // namespace qkv::lab
