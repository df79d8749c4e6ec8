#include "lab/pages/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "formats/json.h"
#include "lab/pages/html_page.h"
#include "lab/pages/markup.h"
#include "lab/pages/mathml.h"
#include "lab/pages/playground.h"
#include "lab/pages/search.h"
#include "lab/pages/statistics_part.h"
#include "lab/record/experiment.h"
#include "view/html_escaped.h"

namespace qkv::lab {
namespace {

// Makes the body of a page from its text.
class PageBody {
 public:
  PageBody(const Page& page, const PageRecords& records, Language language)
      : page_(page), records_(records), language_(language), text_(page_text(language, page.name)) {
    if (page.by_hand) numbers_ = page.by_hand();
    measured_ = std::all_of(page.experiments.begin(), page.experiments.end(), [&](const std::string& name) {
      const auto found = records.find(name);
      return found != records.end() && !found->second.seeds(find_experiment(name).arms).empty();
    });
  }

  std::string html() const {
    std::string html = "<h1>" + inline_html(text_.title) + "</h1>\n<div class=\"answer\">" + section("answer") + "</div>\n";
    html += headed("h2", "why") + headed("h2", "by_hand");
    if (page_.chart) html += fmt::format("<h2>{}</h2>\n{}{}", words("figure"), figure(), effort_note());
    html += fmt::format("<h2>{}</h2>\n<div class=\"three\">\n{}{}{}</div>\n", words("three"), headed("h3", "textbook"),
                        headed("h3", "measured"), headed("h3", "reach"));
    if (!page_.experiments.empty()) html += statistics_html(page_, records_, measured_ ? section("settings") : "", language_);
    return html + headed("h2", "code");
  }

 private:
  std::string words(const char* key) const { return html_escaped(common_words(language_, key)); }

  std::string section(const char* name) const {
    const std::string& text = text_.section(name);
    const bool of_record = text.find("{{") != std::string::npos && !measured_ && needs_record(text);
    if (of_record) return "<p class=\"note\">" + inline_html(common_words(language_, "no record")) + "</p>\n";
    const std::string filled = fill(text, [&](const std::string& placeholder) { return number_of(placeholder, records_, numbers_); });
    return to_html(filled, [&](const std::string& block) { return block_html(block); });
  }

  static bool needs_record(const std::string& text) {
    bool needs = false;
    fill(text, [&](const std::string& placeholder) {
      needs = needs || is_of_record(placeholder);
      return "";
    });
    return needs;
  }

  std::string headed(const char* tag, const char* name) const {
    const std::string body = section(name);
    return body.empty() ? "" : fmt::format("<{0}>{1}</{0}>\n{2}", tag, words(name), body);
  }

  std::string figure() const {
    const std::string drawing = page_.chart && measured_ ? chart_svg(*page_.chart, records_, text_, language_, page_.name + "-chart") : "";
    return "<figure>\n" + drawing + "<figcaption>" + section("figure") + "</figcaption>\n</figure>\n";
  }

  // The sentences were written for the whole training.
  std::string effort_note() const {
    for (const auto& [name, records] : records_) {
      for (const Record& record : records.all()) {
        if (record.effort != 1) return "<p class=\"note\">" + words("small effort") + "</p>\n";
      }
    }
    return "";
  }

  std::string block_html(const std::string& name) const {
    const auto found = page_.blocks.find(name);
    if (found == page_.blocks.end()) fail(ErrorCode::internal, "{}: the block [[{}]] is unknown", page_.name, name);
    return found->second(text_, language_);
  }

  const Page& page_;
  const PageRecords& records_;
  const Language language_;
  const PageText& text_;
  Numbers numbers_;
  bool measured_ = false;
};

std::string contents_html(Language language) {
  std::string html = "<ol>\n";
  for (const Page& page : pages()) {
    html += fmt::format("<li><a href=\"{}.html\">{}</a></li>\n", page.name, inline_html(page_text(language, page.name).title));
  }
  return html + "</ol>\n";
}

// All questions with their answers, and what search.js writes results into.
std::string index_html(Language language) {
  std::string html = fmt::format(
      "<h1>{}</h1>\n<section id=\"results\" aria-live=\"polite\" hidden></section>\n<p>{}</p>\n<p class=\"answer\"><a "
      "href=\"playground.html\">{}</a></p>\n",
      inline_html(common_words(language, "lab")), inline_html(common_words(language, "lab says")),
      inline_html(page_text(language, "playground").title));
  for (const Page& page : pages()) {
    const PageText& text = page_text(language, page.name);
    html += fmt::format("<h2><a href=\"{}.html\">{}</a></h2>\n{}", page.name, inline_html(text.title),
                        to_html(text.section("answer"), [](const std::string&) { return ""; }));
  }
  return html;
}

std::string readme(std::span<const Language> languages) {
  std::string text = "# qkv lab\n\n";
  for (const Language language : languages) {
    text += fmt::format("## {}\n\n{}\n\n- [{}]({}/playground.html)\n", common_words(language, "lab"), common_words(language, "lab says"),
                        page_text(language, "playground").title, code_of(language));
    for (const Page& page : pages()) {
      text += fmt::format("- [{}]({}/{}.html)\n", page_text(language, page.name).title, code_of(language), page.name);
    }
    text += "\n";
  }
  text.pop_back();
  return text;
}

nlohmann::ordered_json conclusion_json(const Experiment& experiment, const Records& records) {
  std::vector<std::vector<double>> all;
  for (const Claim& claim : experiment.claims) all.push_back(quantities(claim, records));
  const std::vector<Finding> findings = judge(experiment.claims, all);
  nlohmann::ordered_json claims = nlohmann::ordered_json::array();
  for (size_t i = 0; i < findings.size(); ++i) {
    claims.push_back({{"claim", experiment.claims[i].text},
                      {"verdict", name_of(findings[i].verdict)},
                      {"mean", findings[i].mean},
                      {"interval", {findings[i].low, findings[i].high}},
                      {"p_holm", findings[i].p}});
  }
  return {{"experiment", experiment.name}, {"question", experiment.question}, {"claims", claims}};
}

}  // namespace

std::string page_html(const Page& page, const PageRecords& records, Language language) { return PageBody(page, records, language).html(); }

namespace {

std::vector<HtmlPage> pages_of(Language language, const PageRecords& records) {
  std::vector<HtmlPage> all;
  std::vector<SearchedPage> searched;
  for (const Page& page : pages()) {
    PageRecords of_page;
    for (const std::string& name : page.experiments) {
      if (const auto found = records.find(name); found != records.end()) of_page.insert(*found);
    }
    const std::string title = page_text(language, page.name).title;
    all.push_back({.language = language, .name = page.name, .title = title, .body = page_html(page, of_page, language)});
    searched.push_back({page.name, inline_html(title), all.back().body});
  }
  PlaygroundPage playground = playground_page(language);
  all.push_back({.language = language,
                 .name = "playground",
                 .title = page_text(language, "playground").title,
                 .body = std::move(playground.body),
                 .full = true,
                 .style = std::move(playground.style),
                 .script = std::move(playground.script)});
  all.push_back({.language = language,
                 .name = "index",
                 .title = common_words(language, "lab"),
                 .body = index_html(language) + search_data(searched, language),
                 .script = search_script()});
  return all;
}

}  // namespace

ReportSize write_report(const std::filesystem::path& directory, std::span<const Language> languages) {
  PageRecords records;
  nlohmann::ordered_json conclusions = nlohmann::ordered_json::array();
  for (const Experiment& experiment : experiments()) {
    Records all = Records::read(directory, experiment.name);
    if (all.seeds(experiment.arms).empty()) continue;
    if (!experiment.claims.empty()) conclusions.push_back(conclusion_json(experiment, all));
    records.emplace(experiment.name, std::move(all));
  }
  if (records.empty()) {
    fail(ErrorCode::bad_input, "{} holds no finished experiment; qkv lab run --output {} makes records", directory.string(),
         directory.string());
  }
  std::vector<std::pair<std::filesystem::path, std::string>> files;
  for (const Language language : languages) {
    for (HtmlPage& page : pages_of(language, records)) {
      page.switched = languages.size() > 1;
      const std::string foot = page.name == "index" ? "" : contents_html(language);
      files.emplace_back(directory / code_of(language) / (page.name + ".html"), html_file(page, foot));
    }
  }
  for (const auto& [path, text] : files) {
    std::filesystem::create_directories(path.parent_path());
    write_file_atomically(path, text);
  }
  write_file_atomically(directory / "README.md", readme(languages));
  write_file_atomically(directory / "conclusions.json", conclusions.dump(1) + "\n");
  return {static_cast<int>(pages().size()), static_cast<int>(records.size())};
}

}  // namespace qkv::lab
