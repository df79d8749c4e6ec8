// One attention head's map for a sentence and its translation, to be looked at: as SVG, as JSON, or in the terminal.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "decode/translator.h"
#include "view/head_trace.h"

namespace qkv {

struct AttentionView {
  HeadTrace trace;
  std::string source, target;
  // Names of the rows and columns of the map. Encoder: source tokens. Decoder: the tokens read, "<start>" first. Cross: rows are the
  // tokens being written, columns the source tokens.
  std::vector<std::string> queries, keys;
};

// "encoder", "decoder" or "cross".
const char* name_of(AttentionKind kind);

// What stands along the axes.
struct AttentionAxes {
  const char *rows, *columns;
};
AttentionAxes axes_of(AttentionKind kind);

// "Cross-attention, layer 3, head 1".
std::string attention_title(const AttentionView& view);

// Runs the model on the pair; without a target, on the source and its best translation.
AttentionView view_attention(const Transformer& network, const Tokenizer& tokenizer, std::string_view source,
                             const std::optional<std::string>& target, AttentionKind kind, int layer, int head,
                             const TranslateOptions& options);

// A heat map with the tokens on both axes.
std::string attention_svg(const AttentionView& view);

// {"kind", "layer", "head", "source", "target", "queries", "keys", "weights"}, with `trace` also {"scale", "q", "k", "v", "scores", "out"};
// a score hidden by the mask is null.
std::string attention_json(const AttentionView& view, bool trace);

// The map as shaded characters, at most `width` columns wide (at least 40); long sources are cut into several blocks of columns.
std::string attention_text(const AttentionView& view, int width);

// Q, K, V, scaled scores, weights and output, a row for each token.
std::string trace_text(const AttentionView& view);

}  // namespace qkv
