// Draws the attention heat map as SVG.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/utf8.h"
#include "view/attention_view.h"
#include "view/token_labels.h"

namespace qkv {
namespace {

constexpr int kFontSize = 13, kLabelColumns = 22, kLegendWidth = 200, kSmallFont = 12;
constexpr int kLeastCell = 22;  // column labels at 45 degrees are then 15 pixels apart: a line of a CJK font

// Text for XML 1.0: markup is escaped, forbidden characters are removed.
std::string xml_escaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const Character c = character_at(text, i);
    const std::string_view bytes = text.substr(i, c.length);
    i += c.length;
    switch (c.code_point) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default:
        if (c.code_point >= ' ' && c.code_point != 0xFFFE && c.code_point != 0xFFFF) out += bytes;
    }
  }
  return out;
}

// White (0) to dark blue (1).
std::string color_of(double share) {
  constexpr std::array<std::array<double, 3>, 5> kStops{{{247, 251, 255}, {198, 219, 239}, {107, 174, 214}, {33, 113, 181}, {8, 48, 107}}};
  const double place = std::clamp(share, 0.0, 1.0) * (kStops.size() - 1);
  const size_t stop = std::min(static_cast<size_t>(place), kStops.size() - 2);
  std::array<int, 3> rgb{};
  for (size_t i = 0; i < 3; ++i)
    rgb[i] = static_cast<int>(std::lround(std::lerp(kStops[stop][i], kStops[stop + 1][i], place - static_cast<double>(stop))));
  return fmt::format("#{:02x}{:02x}{:02x}", rgb[0], rgb[1], rgb[2]);
}

// Upper bound of a character's width in em, from DejaVu Sans, the widest of the requested fonts.
double em_of(char32_t code_point, std::string_view bytes) {
  constexpr std::string_view kNarrow = " !'(),-./:;I[\\]`fijlrt|", kWide = "#&+<=>GHNOQUD^w~", kWidest = "%@MWm";
  if (code_point >= 0x80) {
    const int columns = display_width(bytes);
    return columns == 1 ? 0.9 : columns / 2.0;
  }
  const char c = static_cast<char>(code_point);
  if (kNarrow.find(c) != std::string_view::npos) return 0.42;
  if (kWidest.find(c) != std::string_view::npos) return 1;
  return kWide.find(c) != std::string_view::npos ? 0.84 : 0.7;
}

// The text, shortened to `pixels` with "…" at the end if it is wider.
std::string fit_to_pixels(std::string_view text, double pixels, int font_size) {
  double used = 0;
  size_t fits = 0;  // bytes before which "…" still fits
  for (size_t i = 0; i < text.size();) {
    const Character c = character_at(text, i);
    used += font_size * em_of(c.code_point, text.substr(i, c.length));
    if (used > pixels) return std::string(text.substr(0, fits)) + "…";
    i += c.length;
    if (used + font_size <= pixels) fits = i;
  }
  return std::string(text);
}

int pixels_of(std::string_view text, int font_size) {
  double em = 0;
  for (size_t i = 0; i < text.size();) {
    const Character c = character_at(text, i);
    em += em_of(c.code_point, text.substr(i, c.length));
    i += c.length;
  }
  return static_cast<int>(std::ceil(em * font_size));
}

int widest_of(const std::vector<std::string>& labels) {
  int widest = 0;
  for (const std::string& label : labels) widest = std::max(widest, pixels_of(fit_to_width(label, kLabelColumns), kFontSize));
  return widest;
}

// Positions and sizes in pixels.
struct Layout {
  int cell, left, top, right, map_width, map_height, legend_y, notes_x, width, height;

  explicit Layout(const AttentionView& view) {
    const int64_t rows = view.trace.weights.rows, cols = view.trace.weights.cols;
    cell = static_cast<int>(std::clamp<int64_t>(640 / std::max<int64_t>({rows, cols, 1}), kLeastCell, 36));
    const int slanted = widest_of(view.keys) * 71 / 100 + kFontSize;  // column labels are drawn at 45 degrees
    map_width = static_cast<int>(cols) * cell;
    map_height = static_cast<int>(rows) * cell;
    // The name of the rows stands upright beside the middle of the map, and is longer than a map of few rows.
    const int overhang = std::max(0, (pixels_of(axes_of(view).rows, kSmallFont) - map_height) / 2);
    left = 44 + widest_of(view.queries) + 8;
    top = 92 + std::max(slanted, overhang);
    right = slanted + 12;
    legend_y = top + map_height + 28;
    notes_x = left + kLegendWidth + 24;
    width = std::max({left + map_width + right, notes_x + 296, notes_x + pixels_of(notes_of(view), kSmallFont) + 12});
    height = std::max(legend_y + 48, top + map_height + overhang + 12);
  }
};

void add_cells(std::string& svg, const AttentionView& view, const Layout& at, double most) {
  const HeadTrace& trace = view.trace;
  svg += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"#f4f4f4\" stroke=\"#999\"/>\n", at.left, at.top,
                     at.map_width, at.map_height);
  for (int64_t i = 0; i < trace.weights.rows; ++i) {
    for (int64_t j = 0; j < trace.weights.cols; ++j) {
      if (!std::isfinite(trace.scores.at(i, j))) continue;  // hidden by the mask
      const double weight = trace.weights.at(i, j);
      const int64_t x = at.left + j * at.cell, y = at.top + i * at.cell;
      svg += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"><title>{} → {}: {:.1f} %</title></rect>\n", x, y,
                         at.cell, at.cell, color_of(weight / most), xml_escaped(view.queries[i]), xml_escaped(view.keys[j]), 100 * weight);
      if (at.cell >= 26 && weight >= 0.005) {
        svg += fmt::format("<text x=\"{}\" y=\"{}\" class=\"{}\">{:.0f}</text>\n", x + at.cell / 2, y + at.cell / 2 + 4,
                           weight > most / 2 ? "n w" : "n", 100 * weight);
      }
    }
  }
}

void add_labels(std::string& svg, const AttentionView& view, const Layout& at) {
  for (size_t i = 0; i < view.queries.size(); ++i) {
    svg += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n", at.left - 8,
                       at.top + static_cast<int>(i) * at.cell + at.cell / 2 + 5, xml_escaped(fit_to_width(view.queries[i], kLabelColumns)));
  }
  for (size_t j = 0; j < view.keys.size(); ++j) {
    const int x = at.left + static_cast<int>(j) * at.cell + at.cell / 2 + 3, y = at.top - 8;
    svg += fmt::format("<text x=\"{0}\" y=\"{1}\" transform=\"rotate(-45 {0} {1})\">{2}</text>\n", x, y,
                       xml_escaped(fit_to_width(view.keys[j], kLabelColumns)));
  }
}

void add_legend(std::string& svg, const AttentionView& view, const Layout& at, double most) {
  constexpr int kSteps = 50, kStepWidth = kLegendWidth / kSteps;
  for (int i = 0; i < kSteps; ++i) {
    svg += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"12\" fill=\"{}\"/>\n", at.left + i * kStepWidth, at.legend_y,
                       kStepWidth, color_of((i + 0.5) / kSteps));
  }
  svg += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"12\" fill=\"none\" stroke=\"#999\"/>\n", at.left, at.legend_y,
                     kLegendWidth);
  for (const double share : {0.0, 0.5, 1.0}) {
    svg += fmt::format("<text x=\"{:.0f}\" y=\"{}\" class=\"n\">{:.0f} %</text>\n", at.left + share * kLegendWidth, at.legend_y + 28,
                       100 * share * most);
  }
  svg +=
      fmt::format("<text x=\"{}\" y=\"{}\" class=\"s\">attention weight; each row adds up to 100 %</text>\n", at.notes_x, at.legend_y + 11);
  const std::string notes = notes_of(view);
  if (!notes.empty())
    svg += fmt::format("<text x=\"{}\" y=\"{}\" class=\"s\">{}</text>\n", at.notes_x, at.legend_y + 28, xml_escaped(notes));
}

}  // namespace

std::string attention_svg(const AttentionView& view) {
  const Layout at(view);
  const double most = std::max(1e-9, view.trace.weights.values.empty()
                                         ? 1.0
                                         : *std::max_element(view.trace.weights.values.begin(), view.trace.weights.values.end()));
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\">\n"
      "<style>text{{font:{2}px 'DejaVu Sans','Noto Sans','Noto Sans CJK JP','Noto Sans CJK SC','DejaVu Sans Mono',sans-serif;fill:#222}}"
      ".t{{font-size:17px;font-weight:bold}}.s{{font-size:12px;fill:#666}}.n{{font-size:11px;text-anchor:middle}}.w{{fill:#fff}}</style>\n"
      "<rect width=\"{0}\" height=\"{1}\" fill=\"#fff\"/>\n",
      at.width, at.height, kFontSize);
  const AttentionAxes axes = axes_of(view);
  svg += fmt::format("<text x=\"20\" y=\"30\" class=\"t\">{}</text>\n", xml_escaped(attention_title(view)));
  const int room = at.width - 40;
  svg += fmt::format("<text x=\"20\" y=\"51\" class=\"s\">{}</text>\n",
                     xml_escaped(fit_to_pixels(on_one_visible_line(view.source), room, kSmallFont)));
  if (view.has_target && view.trace.kind != AttentionKind::encoder) {
    svg += fmt::format("<text x=\"20\" y=\"69\" class=\"s\">{}</text>\n",
                       xml_escaped(fit_to_pixels("→ " + on_one_visible_line(view.target), room, kSmallFont)));
  }
  add_cells(svg, view, at, most);
  add_labels(svg, view, at);
  svg += fmt::format("<text x=\"24\" y=\"{0}\" transform=\"rotate(-90 24 {0})\" text-anchor=\"middle\" class=\"s\">{1}</text>\n",
                     at.top + at.map_height / 2, axes.rows);
  svg += fmt::format("<text x=\"{}\" y=\"{}\" class=\"s\">{}</text>\n", at.left, at.top + at.map_height + 17, axes.columns);
  add_legend(svg, view, at, most);
  return svg + "</svg>\n";
}

}  // namespace qkv
