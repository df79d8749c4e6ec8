// The decisive figure of a page, drawn from its records as SVG that takes its colours from the page's style sheet.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lab/pages/catalogue.h"
#include "lab/pages/record_numbers.h"

namespace qkv::lab {

struct ChartSpec {
  enum class Kind {
    dots,   // a row for each arm: a dot for each seed on the axis of a value, a bar at their mean
    lines,  // a curve for each arm: the mean of a series over all seeds
  };
  Kind kind = Kind::dots;
  std::string experiment, value;                            // the name of the value or series
  std::vector<std::string> arms;                            // of dots also ARM/VALUE, for a row of another value
  bool log_x = false, log_y = false;                        // of lines; log_y also of dots: the axis of values
  std::optional<double> low, high;                          // ends of the axis of values; otherwise those of the data
  std::vector<std::pair<double, std::string>> levels = {};  // lines across, such as chance, with the key of their label
  int digits = 2;                                           // of a row's mean
};

// The page's labels name what is drawn: "title", "x" (of lines), "y" (the value), "arm ARM", and those of the levels. Without records of
// all arms: an empty text. `id` is unique in the HTML file.
std::string chart_svg(const ChartSpec& chart, const PageRecords& records, const PageText& text, Language language, const std::string& id);

}  // namespace qkv::lab
