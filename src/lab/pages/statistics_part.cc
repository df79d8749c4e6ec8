#include "lab/pages/statistics_part.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/progress.h"
#include "lab/pages/markup.h"
#include "lab/pages/mathml.h"
#include "lab/record/experiment.h"
#include "lab/record/statistics.h"
#include "view/html_escaped.h"

namespace qkv::lab {
namespace {

// Three significant digits, or more before the decimal point: 0.0123, 1.23, 123, 12345.
std::string short_number(double value) {
  if (!std::isfinite(value) || value == 0) return number_text(value, 0);
  const int before = static_cast<int>(std::floor(std::log10(std::abs(value)))) + 1;
  return number_text(value, std::clamp(3 - before, 0, 6));
}

class StatisticsPart {
 public:
  StatisticsPart(const Experiment& experiment, const Records& records, Language language)
      : experiment_(experiment), records_(records), language_(language) {}

  std::string html() const {
    const std::string claims = experiment_.claims.empty() ? "" : claim_table() + "<p>" + words("table of comparisons") + "</p>\n";
    return fmt::format("<h3><code>{}</code></h3>\n", experiment_.name) + arm_table() + "<p>" + words("table of arms") + "</p>\n" + claims +
           corpora() + command() + origin();
  }

 private:
  std::string words(const char* key) const { return html_escaped(common_words(language_, key)); }
  std::string name(const std::string& word) const { return html_escaped(term(language_, word)); }

  static std::string table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows) {
    std::string html = "<div class=\"wide\" tabindex=\"0\"><table>\n<thead><tr>";
    for (const std::string& cell : header) html += "<th scope=\"col\">" + cell + "</th>";
    html += "</tr></thead>\n<tbody>";
    for (const auto& row : rows) {
      html += "<tr><th scope=\"row\">" + row[0] + "</th>";
      for (size_t i = 1; i < row.size(); ++i) html += "<td>" + row[i] + "</td>";
      html += "</tr>\n";
    }
    return html + "</tbody></table></div>\n";
  }

  // A value of an arm over all seeds; an arm may lack it, such as the size of a cache without one.
  std::string cell(const std::string& arm, const Column& column) const {
    std::vector<double> values;
    for (const int64_t seed : records_.seeds({arm})) {
      const auto& all = records_.find(arm, seed)->outcome.values;
      if (const auto found = all.find(column.value); found != all.end()) values.push_back(found->second);
    }
    if (values.empty()) return "–";
    const double deviation = standard_deviation(values);
    const std::string center = number_text(mean(values), column.digits);
    return deviation > 0 ? center + " ± " + number_text(deviation, column.digits) : center;
  }

  std::string arm_table() const {
    std::vector<std::string> header{words("arm")};
    for (const Column& column : experiment_.columns) header.push_back(name(column.header));
    std::vector<std::vector<std::string>> rows;
    for (const std::string& arm : experiment_.arms) {
      if (records_.seeds({arm}).empty()) continue;
      std::vector<std::string>& row = rows.emplace_back(std::vector<std::string>{name(arm)});
      for (const Column& column : experiment_.columns) row.push_back(cell(arm, column));
    }
    return table(header, rows);
  }

  std::string bound(const Claim& claim) const {
    const char* unit = claim.kind == Claim::Kind::ratio ? " ×" : "";
    const bool low = std::isfinite(claim.low) && !(claim.kind == Claim::Kind::ratio && claim.low == 0), high = std::isfinite(claim.high);
    if (low && high) return fmt::format("[{}, {}]{}", short_number(claim.low), short_number(claim.high), unit);
    return low ? fmt::format("≥ {}{}", short_number(claim.low), unit) : fmt::format("≤ {}{}", short_number(claim.high), unit);
  }

  std::string compared(const Claim& claim) const {
    const std::string value = name(claim.value), arm = name(claim.arm);
    if (claim.kind == Claim::Kind::value) return fmt::format("{}: {}", value, arm);
    return fmt::format("{}: {} {} {}", value, arm, claim.kind == Claim::Kind::ratio ? "/" : "−", name(claim.baseline));
  }

  std::string claim_table() const {
    std::vector<std::vector<double>> all;
    for (const Claim& claim : experiment_.claims) all.push_back(quantities(claim, records_));
    const std::vector<Finding> findings = judge(experiment_.claims, all);
    std::vector<std::vector<std::string>> rows;
    for (size_t i = 0; i < findings.size(); ++i) {
      const Finding& f = findings[i];
      rows.push_back({compared(experiment_.claims[i]), bound(experiment_.claims[i]),
                      fmt::format("{} [{}, {}]", short_number(f.mean), short_number(f.low), short_number(f.high)),
                      f.p < 0.001 ? "&lt; 0.001" : fmt::format("{:.3f}", f.p)});
    }
    return table({words("compared"), words("expected"), words("measured-column"), "p"}, rows);
  }

  std::string corpora() const {
    std::set<std::string> lines;
    for (const Record& record : records_.all()) {
      for (const auto& [kind, hash] : record.data) lines.insert(fmt::format("{} (<code>{}</code>)", name(hash), html_escaped(hash)));
    }
    if (lines.empty()) return "";
    return fmt::format("<p>{}: {}</p>\n", words("corpora"), fmt::join(lines, "; "));
  }

  std::string command() const {
    std::string options;
    for (const std::string& kind : experiment_.data) {
      options += kind == "text" ? " --text FILE" : kind == "translation" ? " --translation SRC TGT" : " --classification TRAIN TEST";
    }
    return fmt::format("<pre><code>qkv lab run {}{} --output DIR\nqkv lab report DIR</code></pre>\n", experiment_.name, options);
  }

  std::string origin() const {
    double seconds = 0;
    std::set<std::string> commits, isas, threads, efforts;
    for (const Record& record : records_.all()) {
      seconds += record.seconds;
      commits.insert(record.commit.substr(0, 10) + (record.commit.ends_with('+') ? "+" : ""));
      isas.insert(record.isa);
      threads.insert(std::to_string(record.threads));
      efforts.insert(fmt::format("{:.0f} %", 100 * record.effort));
    }
    const std::map<std::string, std::string> all{{"runs", std::to_string(records_.all().size())},
                                                 {"seeds", std::to_string(records_.seeds(experiment_.arms).size())},
                                                 {"effort", fmt::format("{}", fmt::join(efforts, ", "))},
                                                 {"time", format_duration(seconds)},
                                                 {"threads", fmt::format("{}", fmt::join(threads, ", "))},
                                                 {"isa", fmt::format("{}", fmt::join(isas, ", "))},
                                                 {"commit", fmt::format("{}", fmt::join(commits, ", "))},
                                                 {"name", experiment_.name},
                                                 {"source", experiment_.source.empty() ? experiment_.name + ".cc" : experiment_.source}};
    const std::string text = fill(common_words(language_, "origin"), [&](const std::string& key) { return all.at(key); });
    return "<p>" + inline_html(text) + "</p>\n";
  }

  const Experiment& experiment_;
  const Records& records_;
  const Language language_;
};

}  // namespace

std::string statistics_html(const Page& page, const PageRecords& records, const std::string& settings, Language language) {
  std::string html = fmt::format("<details>\n<summary>{}</summary>\n{}", html_escaped(common_words(language, "statistics")), settings);
  for (const std::string& name : page.experiments) {
    if (const auto found = records.find(name); found != records.end() && !found->second.all().empty()) {
      html += StatisticsPart(find_experiment(name), found->second, language).html();
    }
  }
  return html + "</details>\n";
}

}  // namespace qkv::lab
