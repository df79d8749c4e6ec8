// The pictures of a page, drawn by gnuplot.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace qkv::lab {

// One curve, or one colour of dots. y with an interval of +- half.
struct Curve {
  struct Point {
    double x = 0, y = 0, half = 0;
  };
  std::string label;
  std::vector<Point> points;
};

struct Figure {
  enum class Kind { lines, dots };  // dots: point i of each curve belongs to names[i]
  std::string name;                 // of its file
  std::string title, x_label, y_label;
  Kind kind = Kind::lines;
  bool log_x = false, log_y = false;
  std::vector<std::string> names;
  std::vector<Curve> curves;
};

// The gnuplot script that draws the figure as SVG, including its numbers.
std::string gnuplot_script(const Figure& figure, const std::filesystem::path& output);

bool have_gnuplot();
// Writes DIR/NAME.svg. Throws Error(io) if gnuplot fails.
void draw(const Figure& figure, const std::filesystem::path& directory);

}  // namespace qkv::lab
