// Writes the attention map as text.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <numeric>
#include <string>
#include <utility>

#include "base/utf8.h"
#include "view/attention_view.h"
#include "view/token_labels.h"

namespace qkv {
namespace {

struct Shade {
  double from;  // smallest weight for the glyph
  const char* glyph;
};
constexpr Shade kShades[] = {{0.7, "█"}, {0.4, "▓"}, {0.2, "▒"}, {0.05, "░"}, {0, "·"}};

const char* glyph_of(double weight) {
  for (const Shade& shade : kShades) {
    if (weight >= shade.from) return shade.glyph;
  }
  return "·";
}

std::string repeated(std::string_view text, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += text;
  return out;
}

int widest(const std::vector<std::string>& labels) {
  int width = 0;
  for (const std::string& label : labels) width = std::max(width, display_width(label));
  return width;
}

// The characters of a label as lines of a vertical label; a combining mark stays with its base.
std::vector<std::string> stacked(const std::string& label) {
  std::vector<std::string> characters;
  for (size_t i = 0; i < label.size();) {
    const size_t length = character_at(label, i).length;
    const std::string bytes = label.substr(i, length);
    if (display_width(bytes) == 0 && !characters.empty()) {
      characters.back() += bytes;
    } else {
      characters.push_back(bytes);
    }
    i += length;
  }
  return characters;
}

bool has_wide_character(const std::string& label) {
  const std::vector<std::string> characters = stacked(label);
  return std::any_of(characters.begin(), characters.end(), [](const std::string& character) { return display_width(character) > 1; });
}

// Layout of a map in a terminal: horizontal column labels if all fit, otherwise vertical labels over narrow columns.
struct TextLayout {
  static constexpr int kBar = 4;  // width of a shaded cell

  int label_width, room;  // width of the row names, and of the space to their right
  bool stacked_labels = false;
  std::vector<int> widths;  // widths of the map's columns

  TextLayout(const AttentionView& view, int width)
      : label_width(std::min(widest(view.queries), std::min(20, width / 4))), room(width - label_width - 1) {
    for (const std::string& key : view.keys) widths.push_back(std::max(kBar, display_width(key)) + 1);
    stacked_labels = total() > room;
    if (!stacked_labels) return;
    const bool wide = std::any_of(view.keys.begin(), view.keys.end(), has_wide_character);  // these would touch in columns of 2
    widths.assign(view.keys.size(), wide || static_cast<int>(view.keys.size()) * 3 <= room ? 3 : 2);
  }
  int total() const { return std::accumulate(widths.begin(), widths.end(), 0); }
  size_t columns_per_block() const { return stacked_labels ? static_cast<size_t>(room / widths.front()) : widths.size(); }
};

// The labels of columns [begin, end).
std::string header(const AttentionView& view, const TextLayout& layout, size_t begin, size_t end) {
  constexpr size_t kMostRows = 14;
  const std::string indent(static_cast<size_t>(layout.label_width + 1), ' ');
  std::vector<std::vector<std::string>> labels;
  size_t rows = 1;
  for (size_t j = begin; j < end; ++j) {
    labels.push_back(layout.stacked_labels ? stacked(view.keys[j]) : std::vector{view.keys[j]});
    if (labels.back().size() > kMostRows) {
      labels.back().resize(kMostRows);
      labels.back().back() = "…";
    }
    rows = std::max(rows, labels.back().size());
  }
  std::string out;
  for (size_t row = 0; row < rows; ++row) {
    out += indent;
    for (size_t j = begin; j < end; ++j) {
      const std::vector<std::string>& label = labels[j - begin];
      const size_t skipped = rows - label.size();  // labels are aligned at the bottom
      out += padded(row < skipped ? "" : label[row - skipped], layout.widths[j]);
    }
    out += "\n";
  }
  return out;
}

std::string map_row(const AttentionView& view, const TextLayout& layout, size_t i, size_t begin, size_t end) {
  std::string out = padded(view.queries[i], layout.label_width, true) + " ";
  for (size_t j = begin; j < end; ++j) {
    const int bar = layout.stacked_labels ? layout.widths[j] : TextLayout::kBar, before = (layout.widths[j] - bar) / 2;
    const bool hidden = !std::isfinite(view.trace.scores.at(static_cast<int64_t>(i), static_cast<int64_t>(j)));
    const char* glyph = hidden ? " " : glyph_of(view.trace.weights.at(static_cast<int64_t>(i), static_cast<int64_t>(j)));
    out += repeated(" ", before) + repeated(glyph, bar) + repeated(" ", layout.widths[j] - before - bar);
  }
  return out;
}

// The key with the largest weight of a row: "twenty 93 %".
std::string strongest(const AttentionView& view, size_t i, int width) {
  const AttentionMatrix& weights = view.trace.weights;
  const auto begin = weights.values.begin() + static_cast<int64_t>(i) * weights.cols;
  const auto best = std::max_element(begin, begin + weights.cols);
  const std::string percent = fmt::format(" {:.0f} %", 100 * *best);
  return fit_to_width(view.keys[static_cast<size_t>(best - begin)], width - static_cast<int>(percent.size())) + percent;
}

std::string notes_line(const AttentionView& view) {
  const std::string notes = notes_of(view);
  return notes.empty() ? "" : "labels: " + notes + "\n";
}

// The parts in lines of at most `width` columns, as far as the parts allow.
std::string in_lines(std::initializer_list<std::string> parts, int width) {
  std::string text, line;
  for (const std::string& part : parts) {
    if (!line.empty() && display_width(line) + 1 + display_width(part) > width) text += std::exchange(line, "") + "\n";
    line += (line.empty() ? "" : " ") + part;
  }
  return text + line + "\n";
}

}  // namespace

std::string notes_of(const AttentionView& view) {
  std::vector<std::string> labels = view.queries;
  labels.insert(labels.end(), view.keys.begin(), view.keys.end());
  return label_notes(labels);
}

AttentionAxes axes_of(const AttentionView& view) {
  if (!view.has_target) return {"token (query)", "token (key)"};
  switch (view.trace.kind) {
    case AttentionKind::encoder: return {"source token (query)", "source token (key)"};
    case AttentionKind::decoder: return {"target token read (query)", "target token read (key)"};
    default: return {"target token written (query)", "source token (key)"};
  }
}

std::string attention_title(const AttentionView& view) {
  const char* kind = view.trace.kind == AttentionKind::cross     ? "Cross-attention"
                     : view.trace.kind == AttentionKind::encoder ? "Encoder self-attention"
                                                                 : "Decoder self-attention";
  return fmt::format("{}, layer {}, head {}", kind, view.trace.layer, view.trace.head);
}

std::string attention_text(const AttentionView& view, int width) {
  constexpr int kLeastWidth = 40, kStrongest = 16, kWidestStrongest = 28;
  width = std::max(width, kLeastWidth);
  const TextLayout layout(view, width);
  const int left_over = layout.room - layout.total();
  const AttentionAxes axes = axes_of(view);
  std::string out =
      attention_title(view) + "\n" + in_lines({fmt::format("rows: {};", axes.rows), fmt::format("columns: {}", axes.columns)}, width);
  for (size_t begin = 0, end = 0; begin < view.keys.size(); begin = end) {
    end = std::min(view.keys.size(), begin + layout.columns_per_block());
    out += "\n";
    out += header(view, layout, begin, end);
    for (size_t i = 0; i < view.queries.size(); ++i) {
      out += map_row(view, layout, i, begin, end);
      if (left_over >= kStrongest) out += "  " + strongest(view, i, std::min(left_over - 2, kWidestStrongest));
      out += "\n";
    }
  }
  return out + "\n" + in_lines({"weight: · below 5 %,", "░ from 5 %,", "▒ from 20 %,", "▓ from 40 %,", "█ from 70 %"}, width) +
         notes_line(view);
}

}  // namespace qkv
