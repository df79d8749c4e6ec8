#include "lab/record/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/progress.h"
#include "lab/record/statistics.h"

namespace qkv::lab {
namespace {

// Three significant digits, or more before the decimal point: 0.0123, 1.23, 123, 12345.
std::string short_number(double value) {
  if (!std::isfinite(value)) return value > 0 ? "∞" : value < 0 ? "-∞" : "–";
  if (value == 0) return "0";
  const int before = static_cast<int>(std::floor(std::log10(std::abs(value)))) + 1;
  return fmt::format("{:.{}f}", value, std::clamp(3 - before, 0, 6));
}

std::string bound_words(const Claim& claim) {
  const char* unit = claim.kind == Claim::Kind::ratio ? " ×" : "";
  const bool low = std::isfinite(claim.low) && !(claim.kind == Claim::Kind::ratio && claim.low == 0), high = std::isfinite(claim.high);
  if (low && high) return fmt::format("{} to {}{}", short_number(claim.low), short_number(claim.high), unit);
  return low ? fmt::format("≥ {}{}", short_number(claim.low), unit) : fmt::format("≤ {}{}", short_number(claim.high), unit);
}

std::string what_is_compared(const Claim& claim) {
  switch (claim.kind) {
    case Claim::Kind::value: return fmt::format("{} of {}", claim.value, claim.arm);
    case Claim::Kind::difference: return fmt::format("{}: {} − {}", claim.value, claim.arm, claim.baseline);
    default: return fmt::format("{}: {} / {}", claim.value, claim.arm, claim.baseline);
  }
}

Table claim_table(const Experiment& experiment, const std::vector<Finding>& findings) {
  Table table{{"compared", "rule", "measured (95 % interval)", "p", "verdict"}, {}};
  for (size_t i = 0; i < findings.size(); ++i) {
    const Claim& claim = experiment.claims[i];
    const Finding& f = findings[i];
    table.rows.push_back({what_is_compared(claim), bound_words(claim),
                          fmt::format("{} ({} to {})", short_number(f.mean), short_number(f.low), short_number(f.high)),
                          f.p < 0.001 ? "< 0.001" : fmt::format("{:.3f}", f.p), name_of(f.verdict)});
  }
  return table;
}

Table arm_table(const Experiment& experiment, const Records& records) {
  Table table{{"arm"}, {}};
  for (const Column& column : experiment.columns) table.header.push_back(column.header);
  for (const std::string& arm : experiment.arms) {
    const std::vector<int64_t> seeds = records.seeds({arm});
    if (seeds.empty()) continue;
    std::vector<Cell>& row = table.rows.emplace_back(std::vector<Cell>{arm});
    for (const Column& column : experiment.columns) {
      std::vector<double> values;
      for (const int64_t seed : seeds) {
        const auto& all = records.find(arm, seed)->outcome.values;
        if (const auto found = all.find(column.value); found != all.end()) values.push_back(found->second);
      }
      // A value that an arm does not have, such as the cache size of a network without one.
      if (values.empty()) {
        row.emplace_back("–");
      } else if (const double deviation = standard_deviation(values); deviation > 0) {
        row.push_back(fmt::format("{:.{}f} ± {:.{}f}", mean(values), column.digits, deviation, column.digits));
      } else {
        row.push_back(fmt::format("{:.{}f}", mean(values), column.digits));
      }
    }
  }
  return table;
}

std::string joined(const std::set<std::string>& words) { return fmt::format("{}", fmt::join(words, ", ")); }

std::string effort_of(const Records& records) {
  std::set<std::string> efforts;
  for (const Record& record : records.all()) efforts.insert(fmt::format("{:.0f} %", 100 * record.effort));
  return joined(efforts);
}

// With fewer steps than an experiment was designed for, there may be no visible effect yet.
std::string after_effort(const Records& records) {
  const std::string effort = effort_of(records);
  return effort == "100 %" ? "" : fmt::format("after {} of the full training", effort);
}

// The provenance of the numbers.
std::string origin(const Experiment& experiment, const Records& records) {
  double seconds = 0;
  std::set<std::string> commits, isas, threads;
  for (const Record& record : records.all()) {
    seconds += record.seconds;
    commits.insert(record.commit.substr(0, 10) + (record.commit.ends_with('+') ? " with changes" : ""));
    isas.insert(record.isa);
    threads.insert(std::to_string(record.threads));
  }
  return fmt::format(
      "{} runs of {} seeds, {} of the full training, {} in all on {} thread{} each ({}), commit {}. All numbers: {}/*.json; rules: "
      "src/lab/questions/{}.cc.",
      records.all().size(), records.seeds(experiment.arms).size(), effort_of(records), format_duration(seconds), joined(threads),
      threads == std::set<std::string>{"1"} ? "" : "s", joined(isas), joined(commits), experiment.name, experiment.name);
}

std::vector<Finding> findings_of(const Experiment& experiment, const Records& records) {
  std::vector<std::vector<double>> all;
  for (const Claim& claim : experiment.claims) all.push_back(quantities(claim, records));
  return judge(experiment.claims, all);
}

nlohmann::ordered_json conclusion_json(const Experiment& experiment, const std::vector<Finding>& findings) {
  nlohmann::ordered_json claims = nlohmann::ordered_json::array();
  for (size_t i = 0; i < findings.size(); ++i) {
    claims.push_back({{"claim", experiment.claims[i].text},
                      {"verdict", name_of(findings[i].verdict)},
                      {"mean", findings[i].mean},
                      {"interval", {findings[i].low, findings[i].high}},
                      {"p_holm", findings[i].p}});
  }
  return {{"experiment", experiment.name},
          {"question", experiment.question},
          {"verdict", name_of(overall(findings))},
          {"conclusion", conclusion(experiment.claims, findings)},
          {"claims", claims}};
}

}  // namespace

Document page_of(const Experiment& experiment, const Records& records, const std::filesystem::path& directory, bool pictures) {
  const std::vector<Finding> findings = findings_of(experiment, records);
  const std::string after = after_effort(records);
  Document page{Heading{2, experiment.question, experiment.name}, Paragraph{"The claim.", experiment.claim},
                Paragraph{"The formula.", experiment.formula}, Paragraph{"The experiment.", experiment.setup},
                Paragraph{after.empty() ? "Conclusion." : fmt::format("Conclusion {}.", after), conclusion(experiment.claims, findings)}};
  if (!experiment.reading.empty()) page.emplace_back(Paragraph{"How to read it.", experiment.reading});
  if (pictures) {
    for (Figure figure : experiment.figures(records)) {
      draw(figure, directory / experiment.name);
      page.emplace_back(Picture{std::filesystem::path(experiment.name) / (figure.name + ".svg"), figure.title});
    }
  }
  page.emplace_back(arm_table(experiment, records));
  page.emplace_back(claim_table(experiment, findings));
  page.emplace_back(Paragraph{"Where it comes from.", origin(experiment, records)});
  return page;
}

int write_report(const std::filesystem::path& directory, const std::function<void(const std::string&)>& warn) {
  const bool pictures = have_gnuplot();
  if (!pictures) warn("gnuplot is not installed: the report has no pictures");
  Table summary{{"question", "claims supported", "conclusion"}, {}};
  std::string body;
  nlohmann::ordered_json conclusions = nlohmann::ordered_json::array();
  for (const Experiment& experiment : experiments()) {
    const Records records = Records::read(directory, experiment.name);
    if (records.seeds(experiment.arms).empty()) continue;
    const Document page = page_of(experiment, records, directory, pictures);
    write_file_atomically(directory / (experiment.name + ".md"), to_markdown(page));
    body += to_html(page, directory);
    const std::vector<Finding> findings = findings_of(experiment, records);
    const std::string after = after_effort(records);
    conclusions.push_back(conclusion_json(experiment, findings));
    const auto supported =
        std::count_if(findings.begin(), findings.end(), [](const Finding& f) { return f.verdict == Verdict::supported; });
    summary.rows.push_back({Cell{experiment.question, experiment.name}, fmt::format("{} of {}", supported, findings.size()),
                            conclusion(experiment.claims, findings) + (after.empty() ? "" : fmt::format(" ({})", after))});
  }
  if (summary.rows.empty()) {
    fail(ErrorCode::bad_input, "{} holds no finished experiment; qkv lab run --output {} makes records", directory.string(),
         directory.string());
  }
  const Document front{Heading{1, "The lab"},
                       Paragraph{"",
                                 "Classic questions about the Transformer, answered by seeded measurement. Each verdict follows from the "
                                 "numbers by a rule that was "
                                 "written down before: the mean over all seeds lies on the claimed side of a bound (paired t-test, p < "
                                 "0.05 after Holm's correction "
                                 "within the page)."},
                       summary};
  write_file_atomically(directory / "README.md", to_markdown(front));
  write_file_atomically(directory / "report.html", html_page("qkv lab", to_html(front, directory) + body));
  write_file_atomically(directory / "conclusions.json", conclusions.dump(1) + "\n");
  return static_cast<int>(summary.rows.size());
}

}  // namespace qkv::lab
