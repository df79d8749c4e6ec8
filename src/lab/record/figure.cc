#include "lab/record/figure.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "base/error.h"
#include "base/files.h"

namespace qkv::lab {
namespace {

// In gnuplot's double quotes, for text that is not "enhanced".
std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + "\"";
}

std::string number(double value) { return std::isfinite(value) ? fmt::format("{:.6g}", value) : "NaN"; }

// The colours of Okabe and Ito (2008), which colour-blind readers can distinguish.
constexpr const char* kColours[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8A8A00"};

std::string lines(const Figure& figure) {
  std::string blocks, plots;
  for (size_t i = 0; i < figure.curves.size(); ++i) {
    bool intervals = false;
    blocks += fmt::format("$curve{} << END\n", i);
    for (const Curve::Point& point : figure.curves[i].points) {
      blocks += fmt::format("{} {} {}\n", number(point.x), number(point.y), number(point.half));
      intervals = intervals || point.half > 0;
    }
    blocks += "END\n";
    const std::string style = figure.curves[i].points.size() > 20
                                  ? "using 1:2 with lines linewidth 2"
                                  : fmt::format("using 1:2{} linewidth 2 pointsize 0.7 pointtype {}",
                                                intervals ? ":3 with yerrorlines" : " with linespoints", 5 + 2 * (i % 5));
    plots += fmt::format("{}$curve{} {} linecolor '{}' title {}", i == 0 ? "" : ", ", i, style, kColours[i % std::size(kColours)],
                         quoted(figure.curves[i].label));
  }
  return fmt::format("{}plot {}\n", blocks, plots);
}

// Points, because bars on an axis that does not begin at 0 would mislead.
std::string dots(const Figure& figure) {
  const double width = 0.6 / static_cast<double>(figure.curves.size());
  std::string blocks, plots, tics;
  for (size_t i = 0; i < figure.names.size(); ++i) tics += fmt::format("{}{} {}", i == 0 ? "" : ", ", quoted(figure.names[i]), i);
  for (size_t i = 0; i < figure.curves.size(); ++i) {
    blocks += fmt::format("$curve{} << END\n", i);
    for (size_t k = 0; k < figure.curves[i].points.size(); ++k) {
      const Curve::Point& point = figure.curves[i].points[k];
      const double place = static_cast<double>(k) + (static_cast<double>(i) + 0.5) * width - 0.3;
      blocks += fmt::format("{} {} {}\n", number(place), number(point.y), number(point.half));
    }
    blocks += "END\n";
    plots += fmt::format("{}$curve{} using 1:2:3 with yerrorbars pointtype 7 pointsize 1 linewidth 2 linecolor '{}' {}", i == 0 ? "" : ", ",
                         i, kColours[i % std::size(kColours)],
                         figure.curves[i].label.empty() ? "notitle" : "title " + quoted(figure.curves[i].label));
  }
  return fmt::format("{}set xtics ({}){}\nset xrange [-0.6:{}]\nset offsets 0, 0, graph 0.08, graph 0.08\nplot {}\n", blocks, tics,
                     figure.names.size() > 5 ? " rotate by -25" : "", static_cast<double>(figure.names.size()) - 0.4, plots);
}

}  // namespace

std::string gnuplot_script(const Figure& figure, const std::filesystem::path& output) {
  std::string script = fmt::format(
      "set terminal svg noenhanced size 760,430 font 'sans-serif,13' background '#ffffff'\nset output {}\nset title {}\nset xlabel {}\nset "
      "ylabel {}\nset grid linecolor '#dddddd'\nset border 3\nset tics nomirror\nset key outside right top vertical maxrows 20\nset bars "
      "0.5\n",
      quoted(output.string()), quoted(figure.title), quoted(figure.x_label), quoted(figure.y_label));
  if (figure.log_x) script += "set logscale x 2\n";
  if (figure.log_y) script += "set logscale y\nset format y '%g'\n";
  return script + (figure.kind == Figure::Kind::lines ? lines(figure) : dots(figure));
}

bool have_gnuplot() { return std::system("gnuplot --version >/dev/null 2>&1") == 0; }

void draw(const Figure& figure, const std::filesystem::path& directory) {
  const std::filesystem::path output = directory / (figure.name + ".svg");
  const std::string script = gnuplot_script(figure, output);
  std::FILE* pipe = popen("gnuplot", "w");  // the script goes through stdin: no file name passes a shell
  if (!pipe) fail(ErrorCode::io, "gnuplot cannot be started");
  std::fwrite(script.data(), 1, script.size(), pipe);
  if (pclose(pipe) != 0) fail(ErrorCode::io, "gnuplot does not draw {}; what it says stands above", output.string());
}

}  // namespace qkv::lab
