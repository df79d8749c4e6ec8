#include "lab/pages/catalogue.h"

#include <algorithm>
#include <iterator>

#include "base/error.h"

namespace qkv::lab {
namespace {

constexpr std::string_view kPlaygroundSections[] = {"network", "tiles", "tokenizers"};  // besides its answer

// Lines "KEY: WORDS".
std::map<std::string, std::string, std::less<>> parse_words(std::string_view text, const std::string& where) {
  std::map<std::string, std::string, std::less<>> words;
  for (const std::string& line : split_at(text, "\n")) {
    if (trimmed(line).empty() || line.starts_with("#")) continue;
    const size_t colon = line.find(": ");
    if (colon == std::string::npos) fail(ErrorCode::internal, "{}: \"{}\" is no line KEY: WORDS", where, line);
    const bool added = words.emplace(line.substr(0, colon), trimmed(std::string_view(line).substr(colon + 2))).second;
    if (!added) fail(ErrorCode::internal, "{}: two lines have the key \"{}\"", where, line.substr(0, colon));
  }
  return words;
}

using Words = std::map<std::string, std::string, std::less<>>;
struct Texts {
  std::map<std::string, PageText, std::less<>> pages;
  Words common, terms;
};

Texts texts_of(Language language) {
  Texts texts;
  for (const EmbeddedText& each : embedded_texts()) {
    if (each.language != std::string_view(code_of(language))) continue;
    const std::string where = std::string(each.language) + "/" + each.name + ".md", name = each.name;
    if (name == "common") {
      texts.common = parse_words(each.text, where);
    } else if (name == "terms") {
      texts.terms = parse_words(each.text, where);
    } else {
      texts.pages.emplace(name, parse_page(each.text, where));
    }
  }
  return texts;
}

const Texts& texts(Language language) {
  static const Texts all[] = {texts_of(Language::en), texts_of(Language::zh)};
  return all[static_cast<int>(language)];
}

}  // namespace

const char* code_of(Language language) { return language == Language::en ? "en" : "zh"; }
const char* html_code_of(Language language) { return language == Language::en ? "en" : "zh-CN"; }

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \n"), end = text.find_last_not_of(" \n");
  return begin == std::string_view::npos ? std::string_view() : text.substr(begin, end - begin + 1);
}

std::vector<std::string> split_at(std::string_view text, std::string_view separator) {
  std::vector<std::string> parts;
  for (;;) {
    const size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + separator.size());
  }
}

const std::string& PageText::section(std::string_view name) const {
  static const std::string none;
  const auto found = sections.find(name);
  return found == sections.end() ? none : found->second;
}

const std::string& PageText::label(std::string_view key) const {
  const auto found = labels.find(key);
  if (found == labels.end()) fail(ErrorCode::internal, "the page \"{}\" has no label \"{}\"", title, key);
  return found->second;
}

PageText parse_page(std::string_view text, const std::string& where) {
  PageText page;
  std::string section;
  for (const std::string& line : split_at(text, "\n")) {
    if (line.starts_with("# ")) {
      page.title = line.substr(2);
    } else if (line.starts_with("## ")) {
      section = line.substr(3);
      const auto is_among = [&](const auto& names) { return std::find(std::begin(names), std::end(names), section) != std::end(names); };
      if (!(section == "labels" || is_among(kSections) || is_among(kPlaygroundSections)) || !page.sections.emplace(section, "").second) {
        fail(ErrorCode::internal, "{}: the section \"{}\" is unknown or there twice", where, section);
      }
    } else if (!section.empty()) {
      page.sections[section] += line + "\n";
    }
  }
  if (page.title.empty()) fail(ErrorCode::internal, "{}: there is no title", where);
  if (const auto labels = page.sections.extract("labels")) page.labels = parse_words(labels.mapped(), where);
  for (auto& [name, body] : page.sections) body = std::string(trimmed(body)) + "\n";
  return page;
}

const PageText& page_text(Language language, std::string_view name) {
  const auto& pages = texts(language).pages;
  const auto found = pages.find(name);
  if (found == pages.end()) fail(ErrorCode::internal, "there is no text {}/{}.md", code_of(language), name);
  return found->second;
}

const std::string& common_words(Language language, std::string_view key) {
  const Words& words = texts(language).common;
  const auto found = words.find(key);
  if (found == words.end()) fail(ErrorCode::internal, "{}/common.md has no key \"{}\"", code_of(language), key);
  return found->second;
}

std::string term(Language language, const std::string& name) {
  const Words& words = texts(language).terms;
  const auto found = words.find(name);
  return found == words.end() ? name : found->second;
}

}  // namespace qkv::lab
