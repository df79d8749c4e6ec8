// Writes one block of a NetworkTrace as text.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <tuple>

#include "base/option_error.h"
#include "view/network_trace.h"
#include "view/token_labels.h"

namespace qkv {
namespace {

using Names = std::vector<std::string>;

// The indices of a long row or column that are shown; -1 stands for those left out.
std::vector<int64_t> shown(int64_t count) {
  constexpr int64_t kMost = 64, kFirst = 56, kLast = 8;
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < count; ++i) {
    if (count <= kMost || i < kFirst || i >= count - kLast) {
      indices.push_back(i);
    } else if (i == kFirst) {
      indices.push_back(-1);
    }
  }
  return indices;
}

std::string table(const std::string& title, const AttentionMatrix& values, const Names& rows, const Names& columns = {}) {
  constexpr int kWidth = 10;
  const auto name_of = [](const Names& names, int64_t i) {
    return names.empty() ? std::to_string(i) : i < std::ssize(names) ? names[static_cast<size_t>(i)] : "";
  };
  int label_width = 4;
  for (const int64_t i : shown(values.rows))
    label_width = std::max(label_width, std::min(20, display_width(i < 0 ? "" : name_of(rows, i))));
  std::string out = fmt::format("\n{} [{}, {}]\n", title, values.rows, values.cols);
  if (!columns.empty()) {
    out += std::string(static_cast<size_t>(label_width), ' ');
    for (const int64_t j : shown(values.cols)) out += padded(j < 0 ? "…" : fit_to_width(name_of(columns, j), kWidth - 1), kWidth, true);
    out += "\n";
  }
  for (const int64_t i : shown(values.rows)) {
    out += padded(i < 0 ? "…" : name_of(rows, i), label_width, true);
    for (const int64_t j : shown(i < 0 ? 0 : values.cols)) {
      out += j < 0 ? padded("…", kWidth, true) : fmt::format("{:{}.4f}", values.at(i, j), kWidth);
    }
    out += "\n";
  }
  return out;
}

AttentionMatrix columns_of(const AttentionMatrix& matrix, int64_t first, int64_t count) {
  AttentionMatrix part{matrix.rows, count, {}};
  for (int64_t i = 0; i < matrix.rows; ++i) {
    for (int64_t j = first; j < first + count; ++j) part.values.push_back(matrix.at(i, j));
  }
  return part;
}

// W as the formulas have it, [columns in, columns out], of some columns out. A bias is one row.
AttentionMatrix weight_columns(const AttentionMatrix& stored, bool bias, int64_t first, int64_t count) {
  if (bias) return columns_of({1, std::ssize(stored.values), stored.values}, first, count);
  AttentionMatrix part{stored.cols, count, {}};
  for (int64_t i = 0; i < stored.cols; ++i) {
    for (int64_t j = first; j < first + count; ++j) part.values.push_back(stored.at(j, i));
  }
  return part;
}

// 0 where a key is seen, minus infinity where it is hidden.
AttentionMatrix mask_of(AttentionMatrix masked) {
  for (double& value : masked.values) value = std::isfinite(value) ? 0 : value;
  return masked;
}

class BlockText {
 public:
  BlockText(const NetworkTrace& trace, AttentionKind kind, int layer) : trace_(trace), attention_(prefix_of(kind, layer)) {
    const bool encoder = kind == AttentionKind::encoder;
    layer_ = attention_.substr(0, attention_.rfind('.') + 1);
    part_ = attention_.substr(layer_.size());
    queries_ = encoder ? &trace.source_tokens : &trace.target_tokens;
    keys_ = kind == AttentionKind::cross ? &trace.source_tokens : queries_;
    const auto found = std::find_if(trace.attentions.begin(), trace.attentions.end(),
                                    [&](const NetworkTrace::Attention& each) { return each.name == attention_; });
    QKV_CHECK_OPTION(found != trace.attentions.end(), "`layer` {}: the trace has no {}", layer, attention_);
    shape_ = &*found;
  }

  std::string text(std::optional<int> head) {
    QKV_CHECK_OPTION(!head || (*head >= 0 && *head < shape_->heads), "`head` {} does not exist; possible: 0 to {}", head.value_or(0),
                     shape_->heads - 1);
    out_ = fmt::format("{}; {} heads of {} columns, scale {:.4f}\n", attention_, shape_->heads, shape_->head_dim, shape_->scale);
    if (const NamedMatrix* before = input()) add("x: input of the sub-layer", before->values, *queries_);
    const bool pre = place(attention_ + ".norm") < place(attention_ + ".q");
    if (pre) add("norm of x", attention_ + ".norm", *queries_);
    for (int each = head.value_or(0); each < (head ? *head + 1 : shape_->heads); ++each) add_head(each);
    add("outputs of all heads, side by side", attention_ + ".heads", *queries_);
    add_weight(part_ + ".out_proj", "W_O", "b_O");
    after(attention_, "heads W_O + b_O", pre);
    add_feed_forward();
    add_convolution();
    add_outputs();
    return out_;
  }

 private:
  size_t place(const std::string& name) const {
    const auto& all = trace_.matrices;
    return static_cast<size_t>(std::find_if(all.begin(), all.end(), [&](const NamedMatrix& each) { return each.name == name; }) -
                               all.begin());
  }
  const AttentionMatrix* find(const std::string& name) const {
    const size_t at = place(name);
    return at < trace_.matrices.size() ? &trace_.matrices[at].values : nullptr;
  }
  // The last matrix that the stack handed on before this attention.
  const NamedMatrix* input() const {
    const std::string side = layer_.substr(0, layer_.find('.') + 1);
    for (size_t i = std::min(place(attention_ + ".norm"), place(attention_ + ".q")); i-- > 0;) {
      const std::string& name = trace_.matrices[i].name;
      if (name.starts_with(side) && (name.ends_with(".norm") || name.ends_with(".sum") || name.ends_with(".projected"))) {
        return &trace_.matrices[i];
      }
    }
    return nullptr;
  }
  void add(const std::string& title, const AttentionMatrix& values, const Names& rows, const Names& columns = {}) {
    out_ += table(title, values, rows, columns);
  }
  void add(const std::string& title, const std::string& name, const Names& rows, const Names& columns = {}) {
    if (const AttentionMatrix* values = find(name)) add(title, *values, rows, columns);
  }
  void add_weight(const std::string& name, const std::string& weight, const std::string& bias, int64_t first = 0, int64_t count = -1) {
    for (const NamedMatrix& each : trace_.weights) {
      const bool of_bias = each.name == name + ".bias";
      if (!of_bias && each.name != name + ".weight") continue;
      const int64_t all = of_bias ? std::ssize(each.values.values) : each.values.rows;
      add(of_bias ? bias : weight, weight_columns(each.values, of_bias, first, count < 0 ? all : count), of_bias ? Names{bias} : Names{});
    }
  }

  void add_head(int head) {
    const int64_t size = shape_->head_dim, key_head = head / (shape_->heads / shape_->key_value_heads);
    const std::string of = fmt::format(" of head {}", head), number = std::to_string(head);
    for (const auto& [letter, rows, first] :
         {std::tuple{"q", queries_, head * size}, {"k", keys_, key_head * size}, {"v", keys_, key_head * size}}) {
      const std::string upper(1, static_cast<char>(std::toupper(letter[0])));
      add_weight(fmt::format("{}.{}_proj", part_, letter), "W_" + upper + of, "b_" + upper + of, first, size);
      if (const AttentionMatrix* all = find(fmt::format("{}.{}", attention_, letter)))
        add(upper + of, columns_of(*all, first, size), *rows);
    }
    add("unscaled scores Q K^T" + of, attention_ + ".products." + number, *queries_, *keys_);
    add("scaled scores" + of, attention_ + ".scaled." + number, *queries_, *keys_);
    if (const AttentionMatrix* masked = find(attention_ + ".masked." + number)) {
      add("mask" + of, mask_of(*masked), *queries_, *keys_);
      add("scores with mask and bias" + of, *masked, *queries_, *keys_);
    }
    add("weights: softmax of each row" + of, attention_ + ".weights." + number, *queries_, *keys_);
    if (const AttentionMatrix* all = find(attention_ + ".heads")) add("weights V" + of, columns_of(*all, head * size, size), *queries_);
  }

  void after(const std::string& prefix, const std::string& output, bool pre) {
    add(output, prefix + ".output", *queries_);
    add("norm of the output", prefix + ".output_norm", *queries_);
    add("residual: x + output", prefix + ".sum", *queries_);
    if (!pre) add("norm of the sum", prefix + ".norm", *queries_);
  }

  void add_feed_forward() {
    const std::string prefix = layer_ + "feed_forward";
    const bool pre = place(prefix + ".norm") < place(prefix + ".inner");
    out_ += fmt::format("\n{}\n", prefix);
    if (pre) add("norm of x", prefix + ".norm", *queries_);
    add_weight("feed_forward.gate", "W_gate", "b_gate");
    add("gate", prefix + ".gate", *queries_);
    add_weight("feed_forward.fc1", "W_1", "b_1");
    add("inner rows: x W_1 + b_1", prefix + ".inner", *queries_);
    add("after the activation (" + trace_.activation + ")", prefix + ".activated", *queries_);
    add_weight("feed_forward.fc2", "W_2", "b_2");
    after(prefix, "activated W_2 + b_2", pre);
  }

  void add_convolution() {
    const std::string prefix = layer_ + "convolution";
    if (!find(prefix + ".output")) return;
    out_ += fmt::format("\n{}\n", prefix);
    add("convolution of the layer's input, after its activation", prefix + ".output", *queries_);
    add("sum with the layer's output", prefix + ".sum", *queries_);
    add("norm of the sum", prefix + ".norm", *queries_);
  }

  // The likeliest outputs of each row, with logit and probability.
  void add_outputs() {
    constexpr int64_t kBest = 5;
    const AttentionMatrix *logits = find("output.logits"), *probabilities = find("output.probabilities");
    if (!logits) return;
    const Names& rows = logits->rows == std::ssize(trace_.target_tokens) ? trace_.target_tokens : trace_.source_tokens;
    out_ += fmt::format("\nlogits [{}, {}]: the largest of each row, and their probabilities\n", logits->rows, logits->cols);
    for (int64_t i = 0; i < logits->rows; ++i) {
      out_ += padded(logits->rows == 1 ? "" : rows[static_cast<size_t>(i)], 20, true) + " ";
      for (const int64_t j : largest_columns(*logits, i, kBest)) {
        const std::string name = j < std::ssize(trace_.output_names) ? trace_.output_names[static_cast<size_t>(j)] : std::to_string(j);
        out_ += fmt::format("  {} {:.4f} ({:.4f})", name, logits->at(i, j), probabilities->at(i, j));
      }
      out_ += "\n";
    }
  }

  const NetworkTrace& trace_;
  std::string attention_, layer_, part_;  // "decoder.0.self_attention", "decoder.0.", "self_attention"
  const Names *queries_, *keys_;
  const NetworkTrace::Attention* shape_;
  std::string out_;
};

}  // namespace

std::string trace_text(const NetworkTrace& trace, AttentionKind kind, int layer, std::optional<int> head) {
  std::string text = BlockText(trace, kind, layer).text(head);
  Names labels = trace.source_tokens;
  labels.insert(labels.end(), trace.target_tokens.begin(), trace.target_tokens.end());
  const std::string notes = label_notes(labels);
  return notes.empty() ? text : text + "\nlabels: " + notes + "\n";
}

}  // namespace qkv
