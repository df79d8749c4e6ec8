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
AttentionAxes axes_of(const AttentionView& view);

std::string notes_of(const AttentionView& view);  // label_notes of both axes

// What a model reads and writes with teacher forcing.
struct TextsRead {
  std::string source, target;
  bool has_target = false;                              // true if the model translates
  std::vector<int32_t> source_ids, target_in, written;  // alike if the model reads one text
};
// The target, if it is not given, is the model's best translation.
TextsRead read_texts(const Transformer& network, const Tokenizer& tokenizer, std::string_view source,
                     const std::optional<std::string>& target, const TranslateOptions& options);
// Names of the decoder's input tokens.
std::vector<std::string> labels_read(const Tokenizer& tokenizer, const TextsRead& texts);

// Runs the model on the pair; without a target, on the source and the model's best translation. A model that does not translate reads the
// source alone; of the options only the type and `truncate` matter then.
AttentionView view_attention(const Transformer& network, const Tokenizer& tokenizer, std::string_view source,
                             const std::optional<std::string>& target, AttentionKind kind, int layer, int head,
                             const TranslateOptions& options);

}  // namespace qkv
