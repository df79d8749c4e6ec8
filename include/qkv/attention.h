// Intermediate values of an attention head as numbers, SVG, JSON or text: the C++ interface of `qkv attention`. A model that translates
// reads a text and its translation; an encoder or a decoder alone (BERT, a classifier, a language model) reads the text. Thread safety: one
// AttentionInspector may be used from any number of threads; its calls run one after another, each on all threads that qkv may use. The
// other functions may be called concurrently.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "qkv/attention_kind.h"
#include "qkv/cancellation.h"
#include "qkv/export.h"
#include "qkv/translator.h"

namespace qkv {

struct AttentionMatrix {
  int64_t rows = 0, cols = 0;
  std::vector<double> values;  // row-major
  double at(int64_t row, int64_t col) const { return values[static_cast<size_t>(row * cols + col)]; }
};

// All intermediate values of one head for one text or pair of texts.
struct HeadTrace {
  AttentionKind kind = AttentionKind::cross;
  int layer = 0, head = 0;  // counted from 0
  bool causal = false;      // a query sees no later key
  double scale = 1;         // 1 / sqrt(head_dim)
  AttentionMatrix q;        // [queries, head_dim]
  AttentionMatrix k, v;     // [keys, head_dim]
  AttentionMatrix scores;   // scale * q k^T plus distance bias; -infinity if the mask hides the key. [queries, keys]
  AttentionMatrix weights;  // softmax of the scores, as the model's kernel computed it. [queries, keys]
  AttentionMatrix out;      // weights v. [queries, head_dim]
};

struct AttentionView {
  HeadTrace trace;
  std::string source, target;  // without a target, the model read `source` alone
  bool has_target = true;      // true if the model translates
  // Labels of the rows and columns of the map. Encoder: source tokens. Decoder: input tokens, after an encoder with "<start>" first. Cross:
  // rows are the predicted tokens, columns the source tokens. "␣" is a space, "\n" a line end; "字(1/3)" is the first of the three tokens
  // of a character.
  std::vector<std::string> queries, keys;
};

struct NamedMatrix {
  std::string name;
  AttentionMatrix values;
};

// Every matrix of one pass through the network, in the order of computation.
struct NetworkTrace {
  // Rows are tokens. Names: SIDE.LAYER.PART.NAME, where SIDE is "encoder" or "decoder" and PART is "self_attention", "cross_attention" or
  // "feed_forward". NAME in each part: "norm" (before the sub-layer, or after the sum), "output" of the sub-layer, "sum" with the residual.
  // In attention also "q", "k" and "v" (rotated; heads side by side), for each head H "products.H" (q k^T), "scaled.H", "masked.H" (with
  // mask and bias, -infinity where hidden), "weights.H", and "heads" (weights v, side by side). In the feed-forward network "gate" (if
  // gated), "inner", "activated". Outside layers: "SIDE.embedding.tokens", ".positions", ".token_types", ".sum", ".norm", ".projected",
  // "SIDE.final.norm", "output.logits", "output.probabilities"; those that the network has.
  std::vector<NamedMatrix> matrices;
  // The weights of the layer that was asked for: "self_attention.q_proj.weight", [columns out, columns in].
  std::vector<NamedMatrix> weights;
  struct Attention {
    std::string name;  // "decoder.0.self_attention"
    int heads = 1, key_value_heads = 1, head_dim = 1;
    double scale = 1;
  };
  std::vector<Attention> attentions;

  std::string kind;  // "encoder_decoder", "decoder_only" or "encoder_only"
  int hidden_size = 0;
  std::string activation;      // of the first layer's feed-forward network, as in config.json
  double embedding_scale = 1;  // factor of the embeddings
  bool rms_norm = false, sinusoidal_positions = false;
  bool parallel_layers = false;  // the feed-forward network reads the layer's input
  double norm_epsilon = 0;

  std::string source, target;  // without a target, the model read `source` alone
  bool has_target = false;
  std::vector<std::string> source_tokens, target_tokens;  // names of the rows of each side
  std::vector<std::string> output_names;                  // names of the columns of the logits: tokens or labels
};

// Selects the attention head and the translation.
struct AttentionRequest {
  std::optional<AttentionKind> kind;  // default: cross if the model translates, otherwise the only kind that it has
  std::optional<int> layer;           // from 0; default: the last layer of the kind's stack
  int head = 0;                       // from 0
  std::optional<std::string> target;  // only if the model translates; default: the model's own translation
  const CancellationToken* cancellation = nullptr;
};

class QKV_API AttentionInspector {
 public:
  // Opens a model directory. `options` control the search for the model's own translation; for other models only dtype and truncate are
  // allowed. Throws qkv::Error with one line: bad_input or io for the files, OptionError (invalid_argument) for options.
  static AttentionInspector open(const std::filesystem::path& directory, const TranslatorOptions& options = {});

  AttentionInspector(AttentionInspector&&) noexcept;
  AttentionInspector& operator=(AttentionInspector&&) noexcept;
  ~AttentionInspector();

  std::vector<AttentionKind> kinds() const;        // the kinds that the model has
  int layers(AttentionKind kind) const;            // number of layers with such an attention; 0 if there are none
  int heads(AttentionKind kind, int layer) const;  // throws OptionError (invalid_argument) if there is no such layer

  // Runs the model on the pair, or on the source alone. Throws qkv::Error: OptionError (invalid_argument) if there is no such kind, layer
  // or head, with the possible ones, or for a target that the model does not read; OptionError (bad_input) for a text with more tokens than
  // the model takes, unless it may be truncated; interrupted if it was cancelled.
  AttentionView view(std::string_view source, const AttentionRequest& request = {}) const;

  // All matrices of such a run, with the weights of the layer of the request. Throws as view() does, and OptionError (bad_input) for what
  // would be more than 10^8 numbers.
  NetworkTrace trace(std::string_view source, const AttentionRequest& request = {}) const;

 private:
  struct Impl;
  QKV_INTERNAL explicit AttentionInspector(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

QKV_API const char* name_of(AttentionKind kind);                 // "encoder", "decoder" or "cross"
QKV_API std::string attention_title(const AttentionView& view);  // "Cross-attention, layer 3, head 1"

// A heat map with the tokens on both axes, as SVG.
QKV_API std::string attention_svg(const AttentionView& view);
// {"kind", "layer", "head", "source", "target" (if there is one), "queries", "keys", "weights"}, and with `trace` also {"scale", "q", "k",
// "v", "scores", "out"}. A score hidden by the mask is null.
QKV_API std::string attention_json(const AttentionView& view, bool trace);
// The map as shaded characters, at most `width` columns wide (at least 40); wide maps are split into several blocks of columns.
QKV_API std::string attention_text(const AttentionView& view, int width);
// One block with four digits: input, weights, Q, K, V, scores before and after scaling, mask, attention weights, W_O, residual, norm, FFN,
// and the likeliest outputs. `head`: from 0; none: all heads. Of matrices with more than 64 rows or columns the text shows the first and
// last. Throws Error(invalid_argument) if the trace has no such layer or head.
QKV_API std::string trace_text(const NetworkTrace& trace, AttentionKind kind, int layer, std::optional<int> head);
// A page that shows every matrix, with formulas, maps of all heads and the way to each number; it loads nothing.
QKV_API std::string trace_html(const NetworkTrace& trace);

}  // namespace qkv
