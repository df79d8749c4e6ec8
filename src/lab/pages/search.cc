#include "lab/pages/search.h"

#include <fmt/format.h>

#include "formats/json.h"
#include "lab/pages/playground_file.h"
#include "view/trace_html.h"

namespace qkv::lab {
namespace {

std::string unescaped(std::string text) {
  for (const auto& [entity, character] :
       {std::pair{"&lt;", "<"}, std::pair{"&gt;", ">"}, std::pair{"&quot;", "\""}, std::pair{"&amp;", "&"}}) {
    const std::string name = entity;
    for (size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) text.replace(at, name.size(), character);
  }
  return text;
}

}  // namespace

std::string plain_text(std::string_view html) {
  std::string text;
  while (!html.empty()) {
    const size_t begin = std::min(html.find('<'), html.size());
    text += html.substr(0, begin);
    html.remove_prefix(begin);
    std::string_view end = ">";
    if (html.starts_with("<math")) end = "</math>";
    if (html.starts_with("<svg")) end = "</svg>";
    const size_t after = html.find(end);
    html.remove_prefix(after == std::string_view::npos ? html.size() : after + end.size());
    text += ' ';
  }
  std::string spaced;
  for (const char c : unescaped(text)) {
    const bool space = c == ' ' || c == '\n';
    if (!space || (!spaced.empty() && spaced.back() != ' ')) spaced += space ? ' ' : c;
  }
  if (spaced.ends_with(' ')) spaced.pop_back();
  return spaced;
}

std::string search_data(std::span<const SearchedPage> pages, Language language) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const SearchedPage& page : pages) {
    all.push_back({{"name", page.name}, {"title", plain_text(page.title)}, {"text", plain_text(page.html)}});
  }
  const nlohmann::ordered_json data{
      {"pages", all}, {"found", common_words(language, "found")}, {"not_found", common_words(language, "not found")}};
  return fmt::format("<script type=\"application/json\" id=\"search-data\">{}</script>\n", inline_json(data));
}

std::string search_script() { return std::string(playground_file("search.js")); }

}  // namespace qkv::lab
