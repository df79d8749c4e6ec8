#include <fmt/format.h>

#include "lab/pages/blocks.h"
#include "lab/pages/mathml.h"
#include "lab/pages/matrix.h"
#include "view/html_escaped.h"

namespace qkv::lab {

std::string html_table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows, int marked) {
  std::string html = "<div class=\"wide\" tabindex=\"0\"><table>\n<thead><tr>";
  for (const std::string& cell : header) html += "<th scope=\"col\">" + html_escaped(cell) + "</th>";
  html += "</tr></thead>\n<tbody>";
  for (size_t r = 0; r < rows.size(); ++r) {
    html += static_cast<int>(r) == marked ? "<tr class=\"on\">" : "<tr>";
    for (size_t i = 0; i < rows[r].size(); ++i) {
      html += i == 0 ? "<th scope=\"row\">" + html_escaped(rows[r][i]) + "</th>" : "<td>" + html_escaped(rows[r][i]) + "</td>";
    }
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

// Multiplications per layer, in millions, at d = 512.
std::string crossing_table(const PageText& text, Language /*language*/) {
  const double d = 512;
  const auto millions = [](double count) { return number_text(count / 1e6, count < 1e9 ? 1 : 0); };
  std::vector<std::vector<std::string>> rows;
  for (const double n : {32, 128, 512, 1024, 4096, 32768}) {
    rows.push_back({number_text(n, 0), millions(2 * n * n * d), millions(4 * n * d * d), millions(2 * n * d * d), millions(3 * n * d * d)});
  }
  return html_table({"N", text.label("attention"), text.label("projections"), text.label("recurrence"), text.label("convolution")}, rows,
                    3);
}

const std::vector<CachedModel>& cached_models() {
  static const std::vector<CachedModel> models{{"GPT-2 small", 12, 12, 12, 64}, {"Llama 2 7B", 32, 32, 32, 128},
                                               {"Llama 2 70B", 80, 64, 8, 128}, {"Llama 3 8B", 32, 32, 8, 128},
                                               {"Qwen2.5 7B", 28, 28, 4, 128},  {"Falcon 7B", 32, 71, 1, 64}};
  return models;
}

int64_t cache_bytes(const CachedModel& model, int kv_heads, int64_t tokens, int bytes_per_number) {
  return int64_t{2} * model.layers * kv_heads * model.head_size * bytes_per_number * tokens;
}

std::string cache_table(const PageText& text, Language /*language*/) {
  constexpr int64_t kTokens = 4096;
  std::vector<std::vector<std::string>> rows;
  for (const CachedModel& model : cached_models()) {
    const auto mib = [&](int kv_heads) { return number_text(static_cast<double>(cache_bytes(model, kv_heads, kTokens)) / 0x1p20, 0); };
    rows.push_back({model.name, fmt::format("{} · {} · {} · {}", model.layers, model.heads, model.kv_heads, model.head_size),
                    number_text(static_cast<double>(cache_bytes(model, model.kv_heads, 1)) / 1024, 0), mib(model.kv_heads),
                    mib(model.heads), mib(1)});
  }
  return html_table({text.label("model"), text.label("sizes"), text.label("per token"), text.label("as built"), text.label("as MHA"),
                     text.label("as MQA")},
                    rows);
}

}  // namespace qkv::lab
