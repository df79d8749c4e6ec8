#include "lab/pages/markup.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "base/utf8.h"
#include "lab/pages/mathml.h"
#include "view/html_escaped.h"

namespace qkv::lab {
namespace {

bool wide(std::string_view text, bool at_end) {
  return !text.empty() && (static_cast<unsigned char>(at_end ? text.back() : text.front()) & 0x80);
}

// Lines of a paragraph become one; between two Chinese characters there is no space.
std::string joined(const std::vector<std::string>& lines) {
  std::string result;
  for (const std::string& line : lines) {
    if (!result.empty() && !(wide(result, true) && wide(line, false))) result += ' ';
    result += trimmed(line);
  }
  return result;
}

std::vector<std::string> cells_of(std::string_view line) {
  line = trimmed(line);
  if (line.starts_with("|")) line.remove_prefix(1);
  if (line.ends_with("|")) line.remove_suffix(1);
  std::vector<std::string> cells = split_at(line, " | ");
  for (std::string& cell : cells) cell = std::string(trimmed(cell));
  return cells;
}

std::string table_html(const std::vector<std::string>& lines) {
  const auto row = [](const std::string& line, bool header) {
    std::string html = "<tr>";
    bool first = true;
    for (const std::string& cell : cells_of(line)) {
      const char* tag = header ? "th scope=\"col\"" : first ? "th scope=\"row\"" : "td";
      html += fmt::format("<{}>{}</{}>", tag, inline_html(cell), header || first ? "th" : "td");
      first = false;
    }
    return html + "</tr>\n";
  };
  std::string html = "<div class=\"wide\" tabindex=\"0\"><table>\n<thead>" + row(lines.at(0), true) + "</thead>\n<tbody>";
  for (size_t i = 2; i < lines.size(); ++i) html += row(lines[i], false);
  return html + "</tbody></table></div>\n";
}

std::string list_html(const std::vector<std::string>& lines) {
  const bool ordered = !lines[0].starts_with("- ");
  std::vector<std::vector<std::string>> items;
  for (const std::string& line : lines) {
    const bool begins = line.starts_with("- ") || (line.size() > 2 && std::isdigit(static_cast<unsigned char>(line[0])) && line[1] == '.');
    if (begins) {
      items.push_back({line.substr(line.find(' ') + 1)});
    } else {
      items.back().push_back(line);
    }
  }
  std::string html = ordered ? "<ol>\n" : "<ul>\n";
  for (const auto& item : items) html += "<li>" + inline_html(joined(item)) + "</li>\n";
  return html + (ordered ? "</ol>\n" : "</ul>\n");
}

std::string block_html(const std::vector<std::string>& lines, const std::function<std::string(const std::string&)>& block) {
  const std::string& first = lines[0];
  if (first.starts_with("[[") && first.ends_with("]]")) return block(first.substr(2, first.size() - 4));
  if (first.starts_with("### ")) return "<h3>" + inline_html(first.substr(4)) + "</h3>\n";
  if (first.starts_with("| ")) return table_html(lines);
  if (first.starts_with("- ") || first.starts_with("1. ")) return list_html(lines);
  if (first.starts_with("$$")) {
    std::string tex = joined(lines);
    if (tex.size() < 4 || !tex.ends_with("$$")) fail(ErrorCode::internal, "the formula {} has no end", tex);
    return "<div class=\"formula\" tabindex=\"0\">" + to_mathml(std::string_view(tex).substr(2, tex.size() - 4), true) + "</div>\n";
  }
  return "<p>" + inline_html(joined(lines)) + "</p>\n";
}

}  // namespace

std::string inline_html(std::string_view text) {
  std::string html;
  // The text up to `end`, which is removed from `text`, too.
  const auto up_to = [&](std::string_view mark, std::string_view end) {
    const size_t at = text.find(end, mark.size());
    if (at == std::string_view::npos) fail(ErrorCode::internal, "\"{}\": {} has no end", text, mark);
    const std::string_view inner = text.substr(mark.size(), at - mark.size());
    text.remove_prefix(at + end.size());
    return inner;
  };
  while (!text.empty()) {
    if (text.starts_with("$")) {
      const std::string formula = to_mathml(up_to("$", "$"), false);
      html += formula.find("<mtable") == std::string::npos ? formula : "<span class=\"matrices\" tabindex=\"0\">" + formula + "</span>";
    } else if (text.starts_with("`")) {
      html += "<code>" + html_escaped(up_to("`", "`")) + "</code>";
    } else if (text.starts_with("**")) {
      html += "<strong>" + inline_html(up_to("**", "**")) + "</strong>";
    } else if (text.starts_with("*")) {
      html += "<em>" + inline_html(up_to("*", "*")) + "</em>";
    } else if (text.starts_with("[") && text.substr(std::min(text.find(']'), text.size())).starts_with("](")) {
      const std::string_view words = up_to("[", "](");
      const size_t end = text.find(')');
      if (end == std::string_view::npos) fail(ErrorCode::internal, "the link \"{}\" has no end", words);
      html += fmt::format("<a href=\"{}\">{}</a>", html_escaped(text.substr(0, end)), inline_html(words));
      text.remove_prefix(end + 1);
    } else {
      const size_t end = std::min(text.find_first_of("$`*[", 1), text.size());
      html += html_escaped(text.substr(0, end));
      text.remove_prefix(end);
    }
  }
  return html;
}

std::string to_html(std::string_view markdown, const std::function<std::string(const std::string&)>& block) {
  std::string html;
  for (const std::string& part : split_at(markdown, "\n\n")) {
    const std::string_view body = trimmed(part);
    if (!body.empty()) html += block_html(split_at(body, "\n"), block);
  }
  return html;
}

namespace {

// A formula's letters and digits; a command such as \\sqrt is one.
int formula_length(std::string_view tex) {
  int count = 0;
  for (size_t i = 0; i < tex.size(); ++i) {
    const auto letter = [&](size_t at) { return at < tex.size() && std::isalpha(static_cast<unsigned char>(tex[at])); };
    if (tex[i] == '\\') {
      while (letter(i + 1)) ++i;
    } else if (std::string_view("{}_^ ").find(tex[i]) != std::string_view::npos || (static_cast<unsigned char>(tex[i]) & 0xC0) == 0x80) {
      continue;
    }
    ++count;
  }
  return count;
}

}  // namespace

int reading_length(std::string_view markdown, Language language) {
  int words = 0, characters = 0;
  bool formula = false;
  for (const std::string& part : split_at(markdown, "$")) {
    if (formula) {
      ++words;
      characters += formula_length(part);
    } else {
      for (const std::string& line : split_at(part, "\n")) {
        for (const std::string& word : split_at(line, " ")) {
          const bool letters = std::any_of(word.begin(), word.end(), [](unsigned char c) { return std::isalnum(c) || c >= 0x80; });
          words += letters;
          characters += static_cast<int>(count_characters(word));
        }
      }
    }
    formula = !formula;
  }
  return language == Language::en ? words : characters;
}

}  // namespace qkv::lab
