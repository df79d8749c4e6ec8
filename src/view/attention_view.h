// Computes an AttentionView (qkv/attention.h) from a network and a tokenizer.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "decode/translator.h"
#include "qkv/attention.h"
#include "view/head_trace.h"

namespace qkv {

// Labels of the two axes.
struct AttentionAxes {
  const char *rows, *columns;
};
AttentionAxes axes_of(AttentionKind kind);

// Runs the model on the pair; without a target, on the source and the model's best translation.
AttentionView view_attention(const Transformer& network, const Tokenizer& tokenizer, std::string_view source,
                             const std::optional<std::string>& target, AttentionKind kind, int layer, int head,
                             const TranslateOptions& options);

}  // namespace qkv
