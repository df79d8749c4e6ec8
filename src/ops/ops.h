// The differentiable operations. Each checks shapes, allocates its output, calls the kernel table of its tensors' device and records its
// gradient if a tape is active. Activations are [rows, size]; rows are the tokens of all sequences.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "kernels/params.h"
#include "kernels/sequence_params.h"
#include "tensor/segments.h"
#include "tensor/tape.h"
#include "tensor/tensor.h"

namespace qkv {

// y = x weight^T + bias. x: [rows, in], weight: [out, in], bias: [out] or empty. y has the type of x unless noted.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias);
Tensor linear_f32(const Tensor& x, const Tensor& weight, const Tensor& bias);  // y in f32 (f64 on the reference): logits

// linear(x, W, b) for several weights as one op; an unused output costs no gradient.
struct LinearWeights {
  Tensor weight, bias;
};
std::vector<Tensor> linears(const Tensor& x, std::span<const LinearWeights> weights);

// linear(activate(linear(x, first), activation, dropout), second) (Vaswani et al. 2017, eq. 2). Only one inner tensor is kept: the input of
// the activation, or relu's output, which determines its slope. The backward pass recomputes the activated rows.
Tensor feed_forward(const Tensor& x, const LinearWeights& first, Activation activation, const DropoutParams& dropout,
                    const LinearWeights& second);

// factor * x.
Tensor scaled(const Tensor& x, float factor);

// activation(x), then dropout.
Tensor activate(const Tensor& x, Activation activation, const DropoutParams& dropout = {});

// xIELU (kernels/params.h has the formula) with learned factors alpha_p and alpha_n and constants beta and epsilon, each [1] in f32 (f64 on
// the reference).
struct XieluWeights {
  Tensor alpha_p, alpha_n, beta, epsilon;
};
Tensor xielu(const Tensor& x, const XieluWeights& weights);

// x limited to [-limit, limit].
Tensor clamp(const Tensor& x, float limit);

// residual + dropout(x), applied to the output of each sub-layer before the addition (Vaswani et al. 2017, section 5.4). Into::x overwrites
// x: only if nobody else reads its values, gradients included.
enum class Into : uint8_t { own, x };
Tensor dropout_add(const Tensor& x, const Tensor& residual, const DropoutParams& dropout = {}, Into into = Into::own);

// (x - mean) / sqrt(var + epsilon) * weight + bias over the last dimension (Ba et al. 2016). bias: like weight or empty. A weight of
// several times `size` values is one of `size` for each of as many rows, over and over, as of the heads of each token.
Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float epsilon = 1e-5f);

// x / sqrt(mean of x^2 + epsilon) * weight over the last dimension (Zhang and Sennrich 2019); several weights as in layer_norm.
Tensor rms_norm(const Tensor& x, const Tensor& weight, float epsilon = 1e-6f);

// activation(gate) * up (Shazeer 2020): SwiGLU with silu, GEGLU with gelu.
Tensor gated_activation(const Tensor& gate, const Tensor& up, Activation activation);

// Rotary positions (Su et al. 2021, eq. 34) of q or k. x: [rows, num_heads * head_dim]; cosines, sines: [positions, pairs] in f32 (f64 on
// the reference), with 2 * pairs <= head_dim; position_of: [rows], each below `positions`. Columns of a head past 2 * pairs are unchanged.
Tensor rope(const Tensor& x, const Tensor& cosines, const Tensor& sines, std::span<const int32_t> position_of, int num_heads,
            RotaryPairs layout = RotaryPairs::halves);

// scale * table[ids] + positions[position_of], then dropout. table: [vocab, size]; positions: [max_positions, size] or empty.
// Result: [ids, size] in `dtype`.
Tensor embedding(std::span<const int32_t> ids, const Tensor& table, const Tensor& positions, std::span<const int32_t> position_of,
                 float scale, DType dtype, const DropoutParams& dropout = {});

// Relative positions in disentangled attention (He et al. 2021, eq. 4): a score is scale * (q . k + q . keys[r] + k . queries[r]), where r
// is row[reach + key - the query's place]. Both tensors are like q, [relative positions, num_heads * head_dim], either may be empty, and
// each receives a gradient if it requires one.
struct RelativePositions {
  Tensor keys, queries;
  // [2 * reach + 1], ascending or descending; reach is at least the longest sequence less one. Null: plain attention.
  std::shared_ptr<const std::vector<int32_t>> row;
};

struct AttentionOptions {
  int num_heads = 1;
  int num_key_value_heads = 1;
  float scale = 0;      // 0: 1 / sqrt(head_dim), or 1 for additive attention
  bool causal = false;  // query i of a sequence sees the keys up to its own place, i + (keys - queries)
  int64_t window = 0;   // also requires a distance below `window` from the query's place; 0: no limit
  float softcap = 0;    // scores become softcap * tanh(score / softcap); 0: unchanged
  // [num_heads, 2 * reach + 1] in f32, added to the scores: column reach + (key - the query's place); reach is at least the longest
  // sequence less one. Receives a gradient if it requires one.
  Tensor distance_bias;
  RelativePositions relative;
  DropoutParams dropout;
  AttentionImplementation implementation = AttentionImplementation::automatic;
  bool save_log_sum_exp = true;  // without it, and without a gradient, attention of a single query is faster
};
struct AttentionResult {
  Tensor out;          // shape and type of q
  Tensor log_sum_exp;  // [query_tokens, 2 * num_heads], see AttentionParams; input of attention_map, empty if not requested
};
// softmax(scale q k^T) v per sequence and head (Vaswani et al. 2017, eq. 1). q: [query_tokens, num_heads * head_dim],
// k, v: [key_tokens, num_key_value_heads * head_dim]. Sequence i of `queries` attends to sequence i of `keys`. Listed keys
// (Segments::of_rows: a cache) may lie in any rows of k and v; they have no gradient.
AttentionResult attention(const Tensor& q, const Tensor& k, const Tensor& v, const Segments& queries, const Segments& keys,
                          const AttentionOptions& options);
// Attention with additive scores: scale * weight . tanh(q + k) (Bahdanau et al. 2015, A.1.2; q and k are already multiplied by W_a and
// U_a). values: shape of k. weight: [num_heads, head_dim] in f32.
Tensor additive_attention(const Tensor& q, const Tensor& k, const Tensor& values, const Tensor& weight, const Segments& queries,
                          const Segments& keys, AttentionOptions options);
// The attention weights of one sequence and head, recomputed from the saved log-sum-exp, for `count` queries starting at `first_query` (-1:
// all remaining ones). Result: [count, keys of that sequence], without dropout.
Tensor attention_map(const Tensor& q, const Tensor& k, const Tensor& log_sum_exp, const Segments& queries, const Segments& keys,
                     const AttentionOptions& options, int64_t segment, int head, int64_t first_query = 0, int64_t count = -1);

// The mean of the rows of each sequence: attention whose scores are all equal. x: [tokens, size]; result: [sequences, size].
Tensor mean_of_sequences(const Tensor& x, const Segments& segments);

// The distance_bias of ALiBi: -slope of the head * |distance| (Press et al. 2022, section 3). [heads, 2 * reach + 1] in f32 (f64 on the
// reference).
Tensor alibi_bias(int heads, int64_t reach, Device device = Device::cpu);
// The distance_bias of T5 with learned values (Raffel et al. 2020, section 2.1), shaped like alibi_bias, with a gradient. table: [buckets,
// heads], one row per bucket of distances. With `bidirectional` half of the buckets are for keys after the query; otherwise those keys
// share the bucket of distance 0.
Tensor relative_position_bias(const Tensor& table, int64_t reach, bool bidirectional, int64_t max_distance = 128);

struct CrossEntropyResult {
  Tensor loss;          // [1], scale * sum over rows of the smoothed loss; must be the last node of the tape
  double loss_sum = 0;  // sum over rows, unscaled
  double nll_sum = 0;   // sum over rows of -log p(target)
};
// Output layer and loss fused: logits = hidden table^T + bias are computed in chunks of rows and never stored whole. Label smoothing as in
// torch.nn.CrossEntropyLoss. hidden: [rows, size], table: [vocab, size], bias: [vocab] or empty, targets: [rows]. softcap: logits become
// softcap * tanh(logit / softcap); 0: unchanged.
CrossEntropyResult linear_cross_entropy(const Tensor& hidden, const Tensor& table, const Tensor& bias, std::span<const int32_t> targets,
                                        float label_smoothing, float scale, float softcap = 0);

// All steps of a recurrent layer in one direction, every sequence starting from a zero state (kernels/sequence_params.h has the formulas
// and the order of rows). gates: W_ih x + b_ih, [rows, gates * hidden]; it is overwritten, also by the gradient, so nobody else may read
// it. weight: W_hh, [gates * hidden, hidden]; bias: b_hh. Result: h, [rows, hidden].
Tensor recurrence(const Tensor& gates, const Tensor& weight, const Tensor& bias, const Segments& steps, RecurrentCell cell, bool reverse);
// One step without a gradient; updates h, and for lstm c, in place.
void recurrent_step(const Tensor& from_input, const Tensor& from_hidden, const Tensor& h, const Tensor& c, RecurrentCell cell);

struct ConvolutionOptions {
  int dilation = 1;
  bool causal = false;  // output t sees inputs up to t; otherwise the window is centred as in torch.nn.Conv1d with padding="same"
  int groups = 1;       // parts of equal size into which the columns of x and of y fall; each part of y is a convolution of that part of x
};
// y[t] = bias + sum over w of weight[:, :, w] x[t + offset of w], with zeros outside each sequence. x: [tokens, in],
// weight: [out, in / groups, width], bias: [out] or empty.
Tensor convolution(const Tensor& x, const Tensor& weight, const Tensor& bias, const Segments& segments, const ConvolutionOptions& options);

// y[r] = x[order[r]], where `order` is a permutation of the rows and `place` its inverse.
Tensor reorder_rows(const Tensor& x, std::span<const int32_t> order, std::span<const int32_t> place);
// Concatenates each row of x with that of y.
Tensor concatenate_columns(const Tensor& x, const Tensor& y);

// In-place log softmax over the last dimension, without a gradient.
void log_softmax_in_place(const Tensor& x);

// y[i] = x[rows[i]]; a row may be selected several times. The gradient flows only to the selected rows.
Tensor select_rows(const Tensor& x, std::span<const int32_t> rows);

// x in another type.
Tensor converted(const Tensor& x, DType dtype);
// x with another shape, sharing its memory.
Tensor reshape(const Tensor& x, Shape shape);

// Copies rows with type conversion, without a gradient: concatenates tensors.
void copy_rows(const Tensor& from, const Tensor& to, int64_t first_row_of_to);

}  // namespace qkv
