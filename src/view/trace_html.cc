#include "view/trace_html.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <set>

#include "formats/base64.h"
#include "formats/json.h"
#include "view/html_escaped.h"
#include "view/network_trace.h"
#include "view/token_labels.h"
#include "view/view_file.h"

namespace qkv {
namespace {

// Little-endian f32, as base64.
std::string base64_of(const AttentionMatrix& matrix) {
  std::string bytes;
  bytes.reserve(matrix.values.size() * 4);
  for (const double value : matrix.values) {
    const uint32_t bits = std::bit_cast<uint32_t>(static_cast<float>(value));
    for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(bits >> shift & 255);
  }
  return to_base64(bytes);
}

// The columns of the outputs that the page shows: all of a small vocabulary, else those that are among the best of some row.
std::vector<int64_t> output_columns(const NetworkTrace& trace) {
  constexpr int64_t kAll = 1000, kBest = 10;
  std::set<int64_t> columns;
  for (const NamedMatrix& each : trace.matrices) {
    if (each.name != "output.logits") continue;
    for (int64_t i = 0; i < each.values.rows; ++i) {
      const std::vector<int64_t> best = largest_columns(each.values, i, each.values.cols <= kAll ? each.values.cols : kBest);
      columns.insert(best.begin(), best.end());
    }
  }
  return {columns.begin(), columns.end()};
}

AttentionMatrix selected(const AttentionMatrix& matrix, const std::vector<int64_t>& columns) {
  AttentionMatrix part{matrix.rows, std::ssize(columns), {}};
  for (int64_t i = 0; i < matrix.rows; ++i) {
    for (const int64_t j : columns) part.values.push_back(matrix.at(i, j));
  }
  return part;
}

nlohmann::ordered_json json_of(const NetworkTrace& trace) {
  const std::vector<int64_t> columns = output_columns(trace);
  nlohmann::ordered_json outputs = nlohmann::ordered_json::array(), parts = nlohmann::ordered_json::object();
  for (const int64_t j : columns) {
    outputs.push_back(j < std::ssize(trace.output_names) ? trace.output_names[static_cast<size_t>(j)] : std::to_string(j));
  }
  for (const NetworkTrace::Attention& each : trace.attentions) {
    parts[each.name] = {
        {"heads", each.heads}, {"key_value_heads", each.key_value_heads}, {"head_dim", each.head_dim}, {"scale", each.scale}};
  }
  nlohmann::ordered_json steps = nlohmann::ordered_json::array();
  for (const auto& [name, values] : trace.matrices) {
    const AttentionMatrix kept = name.starts_with("output.") ? selected(values, columns) : values;
    steps.push_back({{"id", name}, {"rows", kept.rows}, {"cols", kept.cols}, {"data", base64_of(kept)}});
  }
  return {{"model",
           {{"kind", trace.kind},
            {"hidden", trace.hidden_size},
            {"activation", trace.activation},
            {"norm_kind", trace.rms_norm ? "rms" : "layer"},
            {"norm_epsilon", trace.norm_epsilon},
            {"positions", trace.sinusoidal_positions ? "sinusoidal" : ""},
            {"parallel_layers", trace.parallel_layers},
            {"embedding_scale", trace.embedding_scale}}},
          {"axes", {{"source", trace.source_tokens}, {"target", trace.target_tokens}, {"outputs", outputs}}},
          {"parts", parts},
          {"steps", steps}};
}

}  // namespace

std::string viewer_script() {
  std::string script;
  for (const char* name : {"matrix.js", "steps.js", "heatmap.js", "viewer.js"}) script += view_file(name);
  return script;
}

std::string inline_json(const nlohmann::ordered_json& json) {
  std::string text = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  for (size_t at = text.find("</"); at != std::string::npos; at = text.find("</", at)) text.replace(at, 2, "<\\/");
  return text;
}

std::string trace_html(const NetworkTrace& trace) {
  const std::string title = html_escaped(on_one_visible_line(trace.source)), target = html_escaped(on_one_visible_line(trace.target));
  std::vector<std::string> labels = trace.source_tokens;
  labels.insert(labels.end(), trace.target_tokens.begin(), trace.target_tokens.end());
  const std::string notes = label_notes(labels);
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\">\n<title>{0}</title>\n<style>\n{1}{2}</style>\n</head>\n<body "
      "class=\"full\">\n<main>\n<h1>{0}</h1>\n{3}{4}<div id=\"views\"></div>\n</main>\n<script type=\"application/json\" "
      "id=\"words\">{5}</script>\n<script type=\"application/json\" "
      "id=\"trace\">{6}</script>\n<script>\n{7}{8}</script>\n</body>\n</html>\n",
      title, view_file("page.css"), view_file("viewer.css"), trace.has_target ? "<p class=\"answer\">" + target + "</p>\n" : "",
      notes.empty() ? "" : "<p class=\"note\">" + html_escaped(notes) + "</p>\n", view_file("words.en.json"), inline_json(json_of(trace)),
      viewer_script(), view_file("trace_page.js"));
}

}  // namespace qkv
