#include <fmt/format.h>

#include "lab/pages/blocks.h"
#include "lab/pages/mathml.h"
#include "lab/pages/matrix.h"
#include "view/html_escaped.h"

namespace qkv::lab {
namespace {

// The parts of one stack, from the tokens upwards.
class SideBuilder {
 public:
  SideBuilder(const UniformConfig& config, double tokens, std::string rows)
      : d_(config.hidden_size),
        layers_(rows == "n" ? config.encoder_layers : config.decoder_layers),
        tokens_(tokens),
        rows_(std::move(rows)) {}

  void embedding(const char* label, int64_t vocabulary) {
    side_.boxes.push_back({label, shape(d_), vocabulary * d_, 2 * tokens_ * static_cast<double>(d_)});
  }

  // Four projections with their biases, two products per pair of query and key; a causal mask leaves half of the pairs.
  void attention(const char* label, double keys, bool causal) {
    const double d = static_cast<double>(d_), rows_of_keys = keys, pairs = causal ? tokens_ * (tokens_ + 1) / 2 : tokens_ * keys;
    const double projections = 2 * d * d * (2 * tokens_ + 2 * rows_of_keys);
    side_.boxes.push_back({label, shape(d_), 4 * d_ * d_ + 4 * d_, projections + 4 * pairs * d, true, false, layers_});
    norm();
  }
  void feed_forward(const char* label, int64_t inner) {
    const double products = 4 * tokens_ * static_cast<double>(d_) * static_cast<double>(inner);
    side_.boxes.push_back({label, shape(d_), 2 * d_ * inner + inner + d_, products, false, false, layers_});
    norm();
  }
  void output(const char* label, int64_t vocabulary) {
    side_.boxes.push_back({label, shape(vocabulary), 0, 2 * tokens_ * static_cast<double>(d_ * vocabulary)});
  }
  StructureSide side() const { return side_; }

 private:
  std::string shape(int64_t columns) const { return fmt::format("{} × {}", rows_, number_text(static_cast<double>(columns), 0)); }
  // The sum with the input and its norm: about 8 operations per number.
  void norm() { side_.boxes.push_back({"add and norm", shape(d_), 2 * d_, 8 * tokens_ * static_cast<double>(d_), false, true, layers_}); }

  const int64_t d_;
  const int layers_;
  const double tokens_;
  const std::string rows_;
  StructureSide side_;
};

std::string count_text(double count) {
  if (count >= 1e9) return number_text(count / 1e9, 2) + " G";
  if (count >= 1e6) return number_text(count / 1e6, 2) + " M";
  if (count >= 1e4) return number_text(count / 1e3, 1) + " k";
  return number_text(count, 0);
}

constexpr double kWidth = 340, kBox = 62, kGap = 22;

std::string box_svg(const StructureBox& box, const PageText& text, double y) {
  const auto line = [&](double at, const std::string& words, const char* style) {
    return fmt::format("<text x=\"{}\" y=\"{:.0f}\" text-anchor=\"middle\"{}>{}</text>\n", kWidth / 2 + 14, at, style, html_escaped(words));
  };
  const std::string numbers = fmt::format(
      "{} · {}",
      fill(text.label("parameters"),
           [&](const std::string&) { return box.parameters == 0 ? std::string("0") : count_text(static_cast<double>(box.parameters)); }),
      fill(text.label("operations"), [&](const std::string&) { return count_text(box.operations); }));
  return fmt::format("<rect x=\"48\" y=\"{:.0f}\" width=\"{}\" height=\"{}\" rx=\"6\" class=\"box{}\"/>\n", y, kWidth - 68, kBox,
                     box.attention ? " hot" : "") +
         line(y + 19, text.label(box.label), " class=\"chart-title\"") +
         line(y + 36, fill(text.label("output"), [&](const std::string&) { return box.shape; }), " class=\"small\"") +
         line(y + 53, numbers, " class=\"small\"");
}

std::string arrow(double x, double from, double to) {
  return fmt::format("<path d=\"M{0} {1:.0f}V{2:.0f}\" class=\"flow\"/><path d=\"M{0} {2:.0f}l-4 7h8z\" class=\"tip\"/>\n", x, from, to);
}

// The way around a sub-layer, from below it into its sum.
std::string residual(double from, double to) {
  return fmt::format("<path d=\"M{0} {1:.0f}H26V{2:.0f}H44\" class=\"skip\"/><path d=\"M48 {2:.0f}l-7 -4v8z\" class=\"tip\"/>\n",
                     kWidth / 2 + 14, from, to);
}

// Drawn from the top of the picture downwards, so the last box comes first.
std::string side_svg(const StructureSide& side, const PageText& text, const std::string& name, const std::string& id) {
  const double step = kBox + kGap, count = static_cast<double>(side.boxes.size());
  const double height = 34 + step * count + 26;
  std::string body;
  const auto top_of = [&](size_t i) { return 30 + step * (count - 1 - static_cast<double>(i)); };
  double first = 0, last = 0;
  int layers = 1;
  for (size_t i = 0; i < side.boxes.size(); ++i) {
    const StructureBox& box = side.boxes[i];
    if (box.layers > 1) {
      if (first == 0) first = top_of(i) + kBox;
      last = top_of(i);
      layers = box.layers;
    }
    body += arrow(kWidth / 2 + 14, top_of(i) + kBox + kGap, top_of(i) + kBox);
    if (box.residual) body += residual(top_of(i - 1) + kBox + kGap * 0.7, top_of(i) + kBox / 2);
    body += box_svg(box, text, top_of(i));
  }
  if (layers > 1) {
    body += fmt::format(
        "<rect x=\"16\" y=\"{:.0f}\" width=\"{}\" height=\"{:.0f}\" rx=\"10\" class=\"flow\" stroke-dasharray=\"5 4\"/><text x=\"{}\" "
        "y=\"{:.0f}\" text-anchor=\"end\">× {}</text>\n",
        last - 9, kWidth - 24, first - last + 26, kWidth - 14, first + 12, layers);
  }
  body += fmt::format("<text x=\"{}\" y=\"{:.0f}\" text-anchor=\"middle\">{}</text>\n", kWidth / 2 + 14, height - 6,
                      html_escaped(text.label(name + " tokens")));
  std::string summary;
  for (const StructureBox& box : side.boxes) summary += (summary.empty() ? "" : " → ") + text.label(box.label);
  return fmt::format(
      "<svg viewBox=\"0 0 {} {:.0f}\" role=\"img\" aria-labelledby=\"{}-title {}-summary\"><title id=\"{}-title\">{}</title><desc "
      "id=\"{}-summary\">{}</desc>\n<text x=\"16\" y=\"14\" class=\"chart-title\">{}</text>\n{}</svg>\n",
      kWidth, height, id, id, id, html_escaped(text.label(name)), id, html_escaped(summary), html_escaped(text.label(name)), body);
}

}  // namespace

UniformConfig paper_base_config() {
  UniformConfig config{.vocab_size = 37000};
  config.final_logits_bias = false;
  return config;
}

Structure structure_of(const UniformConfig& config, int64_t source_tokens, int64_t target_tokens) {
  const double n = static_cast<double>(source_tokens), m = static_cast<double>(target_tokens);
  SideBuilder encoder(config, n, "n"), decoder(config, m, "m");
  encoder.embedding("embedding", config.vocab_size);
  encoder.attention("self-attention", n, false);
  encoder.feed_forward("feed-forward", config.encoder_ffn_dim);
  decoder.embedding("embedding", config.vocab_size);
  decoder.attention("masked self-attention", m, true);
  decoder.attention("cross-attention", n, false);
  decoder.feed_forward("feed-forward", config.decoder_ffn_dim);
  decoder.output("output layer", config.vocab_size);
  Structure structure{encoder.side(), decoder.side()};
  structure.parameters = static_cast<int64_t>(config.vocab_size) * config.hidden_size;  // one table for both sides and the output
  for (const StructureSide* side : {&structure.encoder, &structure.decoder}) {
    for (const StructureBox& box : side->boxes) {
      if (box.label != "embedding") structure.parameters += box.layers * box.parameters;
    }
  }
  return structure;
}

std::string structure_drawing(const PageText& text, Language /*language*/) {
  const Structure structure = structure_of(paper_base_config(), 25, 25);
  return "<div class=\"drawing\">\n" + side_svg(structure.encoder, text, "encoder", "encoder-drawing") +
         side_svg(structure.decoder, text, "decoder", "decoder-drawing") + "</div>\n<p class=\"note\">" +
         html_escaped(
             fill(text.label("total"), [&](const std::string&) { return number_text(static_cast<double>(structure.parameters), 0); })) +
         "</p>\n";
}

}  // namespace qkv::lab
