#include "lab/pages/chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/utf8.h"
#include "lab/pages/mathml.h"
#include "lab/record/statistics.h"
#include "view/html_escaped.h"

namespace qkv::lab {
namespace {

constexpr double kWidth = 440, kMargin = 12;

// Maps values to places along an axis, and chooses its ticks.
class Axis {
 public:
  Axis(double low, double high, double begin, double end, bool logarithmic)
      : low_(logarithmic ? std::log10(low) : low),
        high_(logarithmic ? std::log10(high) : high),
        begin_(begin),
        end_(end),
        log_(logarithmic) {
    if (high_ <= low_) high_ = low_ + 1;
  }

  double place(double value) const { return begin_ + ((log_ ? std::log10(value) : value) - low_) / (high_ - low_) * (end_ - begin_); }

  std::vector<double> ticks() const {
    std::vector<double> all;
    if (log_ && high_ - low_ >= 1.5) {
      const int step = static_cast<int>(std::ceil((high_ - low_) / 7));
      for (int e = static_cast<int>(std::ceil(low_ - 1e-9)); e <= high_ + 1e-9; e += step) all.push_back(std::pow(10, e));
      return all;
    }
    const double low = log_ ? std::pow(10, low_) : low_, high = log_ ? std::pow(10, high_) : high_;
    const double rough = (high - low) / 5, power = std::pow(10, std::floor(std::log10(rough)));
    double step = 10 * power;
    for (const double each : {1.0, 2.0, 5.0}) {
      if (each * power >= rough * 0.999) {
        step = each * power;
        break;
      }
    }
    for (double tick = std::ceil(low / step - 1e-9) * step; tick <= high + 1e-9 * step; tick += step) all.push_back(tick);
    return all;
  }

 private:
  double low_, high_, begin_, end_;
  bool log_;
};

std::string tick_text(double value) {
  if (value == 0 || std::abs(value) < 1e-12) return "0";
  const double power = std::log10(std::abs(value));
  if (power >= 6 || power < -5) return fmt::format("{:.0e}", value);
  std::string text = fmt::format("{:.4g}", value);
  if (std::abs(value) >= 10000) text = number_text(value, 0);
  return text;
}

struct Bounds {
  double low = INFINITY, high = -INFINITY;
  void add(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

// The ends of the axis of values: those of the data with some space, unless the chart says them.
Bounds ends_of(const ChartSpec& chart, Bounds data) {
  for (const auto& level : chart.levels) data.add(level.first);
  const double space = chart.log_y ? 0 : 0.04 * (data.high - data.low);
  return {chart.low.value_or(chart.log_y ? data.low : data.low - space), chart.high.value_or(chart.log_y ? data.high : data.high + space)};
}

class Drawing {
 public:
  void text(double x, double y, std::string_view words, const char* anchor = "start", const char* style = "") {
    body_ += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>\n", x, y, anchor,
                         *style ? fmt::format(" class=\"{}\"", style) : "", html_escaped(words));
  }
  void line(double x1, double y1, double x2, double y2, const char* style) {
    body_ += fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" class=\"{}\"/>\n", x1, y1, x2, y2, style);
  }
  void raw(const std::string& svg) { body_ += svg; }
  // `summary`: for readers who do not see it.
  std::string svg(double height, std::string_view title, std::string_view summary, const std::string& id) const {
    return fmt::format(
        "<svg class=\"chart\" viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\" aria-labelledby=\"{}-title {}-summary\">\n<title "
        "id=\"{}-title\">{}</title><desc id=\"{}-summary\">{}</desc>\n{}</svg>\n",
        kWidth, height, id, id, id, html_escaped(title), id, html_escaped(summary), body_);
  }

 private:
  std::string body_;
};

// A mark for points of curve `index`: a shape of its own beside its colour.
std::string mark(size_t index, double x, double y) {
  const double r = 3.4;
  switch (index % 4) {
    case 0: return fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\" class=\"f{}\"/>", x, y, r, index);
    case 1: return fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"6\" height=\"6\" class=\"f{}\"/>", x - 3, y - 3, index);
    case 2: return fmt::format("<path d=\"M{:.1f} {:.1f}l4 7h-8z\" class=\"f{}\"/>", x, y - 4.5, index);
    default: return fmt::format("<path d=\"M{:.1f} {:.1f}l4 4l-4 4l-4 -4z\" class=\"f{}\"/>", x, y - 4, index);
  }
}

std::string arm_label(const PageText& text, const std::string& arm) { return text.label("arm " + arm); }

// About the width of a title: browsers do not wrap SVG's texts.
double width_of(std::string_view text) {
  double width = 0;
  for (size_t i = 0; i < text.size(); i += utf8_length(text[i])) width += static_cast<unsigned char>(text[i]) < 0x80 ? 7.7 : 13.5;
  return width;
}

double title_lines(Drawing& drawing, const std::string& title) {
  std::vector<std::string> lines{""};
  for (const std::string& word : split_at(title, " ")) {
    const std::string longer = lines.back().empty() ? word : lines.back() + " " + word;
    if (lines.back().empty() || width_of(longer) <= kWidth - 2 * kMargin) {
      lines.back() = longer;
    } else {
      lines.push_back(word);
    }
  }
  double y = 16;
  for (const std::string& line : lines) {
    drawing.text(kMargin, y, line, "start", "chart-title");
    y += 17;
  }
  return y;
}

std::string axis_note(double low, bool logarithmic, Language language) {
  if (logarithmic) return common_words(language, "log axis");
  if (low == 0) return "";
  return fill(common_words(language, "axis begins"), [&](const std::string&) { return fmt::format("{:.3g}", low); });
}

std::string dots_svg(const ChartSpec& chart, const Records& records, const PageText& text, Language language, const std::string& id) {
  std::vector<std::vector<double>> all;
  Bounds data;
  for (const std::string& row : chart.arms) {
    const size_t slash = row.find('/');
    const std::string arm = row.substr(0, slash), value = slash == std::string::npos ? chart.value : row.substr(slash + 1);
    all.push_back(records.values(arm, value, records.seeds({arm})));
    if (all.back().empty()) return "";
    for (const double value : all.back()) data.add(value);
  }
  const Bounds ends = ends_of(chart, data);
  Drawing drawing;
  const double top = title_lines(drawing, text.label("title")) + 4, row = 36;
  const double bottom = top + row * static_cast<double>(all.size());
  const Axis axis(ends.low, ends.high, kMargin + 6, kWidth - 62, chart.log_y);
  for (const double tick : axis.ticks()) {
    drawing.line(axis.place(tick), top, axis.place(tick), bottom, "grid");
    drawing.text(axis.place(tick), bottom + 15, tick_text(tick), "middle", "small");
  }
  double end = bottom + 33;
  drawing.text(kMargin, end, text.label("y"), "start", "small");
  for (const auto& [level, key] : chart.levels) {
    drawing.line(axis.place(level), top, axis.place(level), bottom, "level");
    drawing.text(kMargin, end += 16, "┄ " + text.label(key), "start", "small");
  }
  if (const std::string note = axis_note(ends.low, chart.log_y, language); !note.empty()) {
    drawing.text(kMargin, end += 16, note, "start", "small");
  }
  drawing.text(kWidth - kMargin, top + 8, common_words(language, "mean"), "end", "small");
  std::string summary;
  for (size_t i = 0; i < all.size(); ++i) {
    const double y = top + row * static_cast<double>(i) + 26;
    const std::string label = arm_label(text, chart.arms[i]), value = number_text(mean(all[i]), chart.digits);
    drawing.text(kMargin, y - 11, label);
    drawing.line(kMargin + 6, y, kWidth - 62, y, "rule");
    for (const double each : all[i]) {
      drawing.raw(fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\" class=\"dot f0\"/>\n", axis.place(each), y));
    }
    drawing.line(axis.place(mean(all[i])), y - 8, axis.place(mean(all[i])), y + 8, "mean");
    drawing.text(kWidth - kMargin, y + 4, value, "end");
    summary += fmt::format("{}{}: {}", summary.empty() ? "" : "; ", label, value);
  }
  return drawing.svg(end + 8, text.label("title"), summary, id);
}

using Points = std::map<double, double>;  // means by x

Points means_of(const Records& records, const std::string& arm, const std::string& name) {
  std::map<double, std::vector<double>> by_x;
  for (const int64_t seed : records.seeds({arm})) {
    const auto& all = records.find(arm, seed)->outcome.series;
    if (const auto found = all.find(name); found != all.end()) {
      for (const auto& [x, y] : found->second) by_x[x].push_back(y);
    }
  }
  Points points;
  for (const auto& [x, values] : by_x) {
    if (const double y = mean(values); std::isfinite(y)) points[x] = y;
  }
  return points;
}

// At most eight of the points' places.
std::vector<double> x_ticks(const Axis& axis, const std::vector<Points>& curves, bool logarithmic) {
  if (!logarithmic) return axis.ticks();
  std::vector<double> all;
  for (const auto& [x, y] : curves[0]) all.push_back(x);
  const size_t step = (all.size() + 7) / 8;
  std::vector<double> ticks;
  for (size_t i = 0; i < all.size(); i += step) ticks.push_back(all[i]);
  return ticks;
}

std::string lines_svg(const ChartSpec& chart, const Records& records, const PageText& text, Language language, const std::string& id) {
  std::vector<Points> curves;
  Bounds data, width;
  for (const std::string& arm : chart.arms) {
    curves.push_back(means_of(records, arm, chart.value));
    if (curves.back().empty()) return "";
    for (const auto& [x, y] : curves.back()) {
      if (!(chart.log_y && y <= 0)) data.add(y);
      width.add(x);
    }
  }
  const Bounds ends = ends_of(chart, data);
  Drawing drawing;
  double top = title_lines(drawing, text.label("title")) + 2;
  drawing.text(kMargin, top, text.label("y"), "start", "small");
  top += 10;
  const double left = 54, bottom = top + 210;
  const Axis x(width.low, width.high, left, kWidth - 2 * kMargin, chart.log_x), y(ends.low, ends.high, bottom, top, chart.log_y);
  for (const double tick : y.ticks()) {
    drawing.line(left, y.place(tick), kWidth - kMargin, y.place(tick), "grid");
    drawing.text(left - 6, y.place(tick) + 4, tick_text(tick), "end", "small");
  }
  for (const double tick : x_ticks(x, curves, chart.log_x)) drawing.text(x.place(tick), bottom + 18, tick_text(tick), "middle", "small");
  drawing.line(left, bottom, kWidth - kMargin, bottom, "axis");
  drawing.text(kWidth - kMargin, bottom + 34, text.label("x"), "end", "small");
  double end = bottom + 37;
  for (const auto& [level, key] : chart.levels) {
    drawing.line(left, y.place(level), kWidth - kMargin, y.place(level), "level");
    drawing.text(kMargin + 32, end += 16, text.label(key), "start", "small");
    drawing.line(kMargin, end - 4, kMargin + 26, end - 4, "level");
  }
  std::string summary;
  for (size_t i = 0; i < curves.size(); ++i) {
    std::string path, marks;
    for (const auto& [at, value] : curves[i]) {
      if (chart.log_y && value <= 0) continue;
      const double px = x.place(at), py = std::clamp(y.place(value), top, bottom);
      path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", px, py);
      if (curves[i].size() <= 20) marks += mark(i, px, py);
    }
    const std::string label = arm_label(text, chart.arms[i]);
    drawing.raw(fmt::format("<path d=\"{}\" class=\"curve s{}\"/>{}\n", path, i, marks));
    end += 18;
    drawing.raw(fmt::format("<path d=\"M{} {}h26\" class=\"curve s{}\"/>{}\n", kMargin, end - 4, i, mark(i, kMargin + 13, end - 4)));
    drawing.text(kMargin + 32, end, label);
    const auto last = *curves[i].rbegin();
    summary +=
        fmt::format("{}{}: {} → {}", summary.empty() ? "" : "; ", label, tick_text(last.first), number_text(last.second, chart.digits));
  }
  if (const std::string note = axis_note(ends.low, chart.log_y, language); !note.empty()) {
    drawing.text(kMargin, end += 17, note, "start", "small");
  }
  return drawing.svg(end + 8, text.label("title"), summary, id);
}

}  // namespace

std::string chart_svg(const ChartSpec& chart, const PageRecords& records, const PageText& text, Language language, const std::string& id) {
  const auto found = records.find(chart.experiment);
  if (found == records.end()) return "";
  return (chart.kind == ChartSpec::Kind::dots ? dots_svg : lines_svg)(chart, found->second, text, language, id);
}

}  // namespace qkv::lab
