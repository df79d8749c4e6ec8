#include "lab/record/experiment.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/suggestion.h"
#include "lab/record/statistics.h"

namespace qkv::lab {

const Experiment& find_experiment(const std::string& name) {
  std::vector<std::string> names;
  for (const Experiment& each : experiments()) {
    if (each.name == name) return each;
    names.push_back(each.name);
  }
  const std::string nearest = nearest_word(name, names);
  fail(ErrorCode::invalid_argument, "the lab has no experiment \"{}\"{}; there are: {}", name,
       nearest.empty() ? "" : fmt::format(" (did you mean {}?)", nearest), fmt::join(names, ", "));
}

Figure dot_figure(const Records& records, std::string name, std::string title, const std::vector<std::string>& arms,
                  const std::string& value, std::string y_label) {
  Figure figure{.name = std::move(name), .title = std::move(title), .y_label = std::move(y_label), .kind = Figure::Kind::dots};
  Curve& curve = figure.curves.emplace_back();
  for (const std::string& arm : arms) {
    const std::vector<double> values = records.values(arm, value, records.seeds({arm}));
    if (values.empty()) continue;
    figure.names.push_back(arm);
    curve.points.push_back({0, mean(values), values.size() > 1 ? confidence_half_width(values) : 0});
  }
  return figure;
}

Figure series_figure(const Records& records, std::string name, std::string title, const std::vector<std::string>& arms,
                     const std::string& series, std::string x_label, std::string y_label) {
  Figure figure{.name = std::move(name), .title = std::move(title), .x_label = std::move(x_label), .y_label = std::move(y_label)};
  for (const std::string& arm : arms) {
    std::map<double, std::vector<double>> by_x;
    for (const int64_t seed : records.seeds({arm})) {
      const auto& all = records.find(arm, seed)->outcome.series;
      if (const auto found = all.find(series); found != all.end()) {
        for (const auto& [x, y] : found->second) by_x[x].push_back(y);
      }
    }
    if (by_x.empty()) continue;
    Curve& curve = figure.curves.emplace_back(Curve{.label = arm});
    for (const auto& [x, values] : by_x) {
      const bool interval = by_x.size() <= 20 && values.size() > 1;
      curve.points.push_back({x, mean(values), interval ? confidence_half_width(values) : 0});
    }
  }
  return figure;
}

}  // namespace qkv::lab
