// One plain struct per kernel: shapes, meaning, what may be empty. "rows" are tokens of all sequences, back to back.
#pragma once

#include "kernels/view.h"

namespace qkv {

enum class Activation : uint8_t { none, relu, gelu, gelu_tanh, silu, sigmoid, tanh };

// Memory layout of a packed matrix: panels of columns, each with all of its depth, zero past the matrix's end.
enum class PackedFormat : uint8_t {
  none,
  f32_panels,  // [columns / width][depth][width] of f32
  bf16_tiles,  // [columns / 32][depth / 32][2][16][16][2] of bf16: in 2 tiles of 16 columns, 16 pairs of depth side by side
};
struct PackedLayout {
  PackedFormat format = PackedFormat::none;
  int32_t width = 0;  // columns of a panel
  int64_t depth = 0, columns = 0;

  int64_t bytes() const;
  bool operator==(const PackedLayout&) const = default;
};
// True if the format holds every value of `type` exactly.
constexpr bool packed_keeps(PackedFormat format, DType type) {
  return type == DType::bf16 ? format != PackedFormat::none : type == DType::f32 && format == PackedFormat::f32_panels;
}
// Weights in the layout that products read; owns nothing.
struct PackedMatrix {
  PackedLayout layout = {};
  const void* data = nullptr;

  explicit operator bool() const { return data != nullptr; }
};

// b as rows and op(b) in packed form, one made from the other; packed: layout.bytes() bytes.
struct PackParams {
  View b = {};
  bool transpose_b = false;
  PackedLayout layout = {};
  void* packed = nullptr;
};

// out = activation(op(a) op(b) + bias) (+ out if accumulate; then without activation). All in f32, bf16 or mixed; sums in f32.
struct MatmulParams {
  View a = {};     // [m, k], or [k, m] if transpose_a
  View b = {};     // [k, n], or [n, k] if transpose_b; without data where packed_b is given
  View out = {};   // [m, n]
  View bias = {};  // [n] or empty
  bool transpose_a = false, transpose_b = false;
  bool accumulate = false;
  Activation activation = Activation::none;
  PackedMatrix packed_b = {};  // output of `pack` for op(b) in the layout of packed_layout, or empty
  // Both directions through an activation, in out's type; without `accumulate`. Forward: `out` is the value before the activation, and
  // `activated` receives activation(out). Backward, if `before` is given: out is the product times the activation's slope at `before`, and
  // `activated`, if given, receives activation(before) again. For relu `before` may be its output.
  View activated = {}, before = {};
  // With transpose_a: sums of a's columns, [m] f32, written or added to; a bias' gradient beside its weight's. Empty: not wanted.
  View a_sums = {};
  bool accumulate_a_sums = false;
};

struct ColumnSumParams {  // out[c] (+)= sum over rows of x[r, c], rows in order
  View x = {}, out = {};  // [rows, cols], [cols] f32
  bool accumulate = false;
};

// y = activation(x), then dropout. Backward: dx = activation'(x) * mask * dy; for relu `x` may be the output y. If the backward is given a
// `y`, it recomputes activation(x) there, for a gradient that needs an output that was not kept.
struct ActivationParams {
  View x = {}, y = {};
  Activation activation = Activation::none;
  DropoutParams dropout = {};
};
struct ActivationBackwardParams {
  View x = {}, dy = {}, dx = {};
  Activation activation = Activation::none;
  DropoutParams dropout = {};
  bool accumulate = false;
  View y = {};
};

// sum = residual + dropout(x). `residual` may be empty (plain dropout) or `sum` itself. It is its own backward with the same mask: dx (+)=
// dropout(dsum).
struct DropoutAddParams {
  View x = {}, residual = {}, sum = {};
  DropoutParams dropout = {};
};

// out (+)= scale * x, element by element, with conversion of types.
struct CopyParams {
  View x = {}, out = {};
  float scale = 1;
  bool accumulate = false;
};

// y = (x - mean) / sqrt(var + epsilon) * weight + bias (Ba et al. 2016, eq. 4). Without centring the mean counts as zero everywhere, which
// is RMSNorm (Zhang and Sennrich 2019, eq. 4).
// With more weights than columns, row r takes the r-th `cols` of them, over and over: heads with weights of their own.
struct LayerNormParams {
  View x = {}, weight = {}, bias = {}, y = {};  // [rows, cols], [groups * cols], like weight or empty, [rows, cols]
  View mean = {}, inverse_deviation = {};       // [rows] f32 each; empty: not wanted
  float epsilon = 1e-5f;
  bool center = true;
};
struct LayerNormBackwardParams {
  View x = {}, weight = {}, mean = {}, inverse_deviation = {}, dy = {};
  View dx = {};                   // like x, may be empty
  View dweight = {}, dbias = {};  // like weight, f32, added to
  bool accumulate = false;        // adds to dx
  bool center = true;
};

// y = activation(gate) * up (Shazeer 2020, "GLU variants improve Transformer"). Backward: dgate (+)= activation'(gate) * up * dy,
// dup (+)= activation(gate) * dy.
struct GatedActivationParams {
  View gate = {}, up = {}, y = {};
  Activation activation = Activation::silu;
};
struct GatedActivationBackwardParams {
  View gate = {}, up = {}, dy = {};
  View dgate = {}, dup = {};  // either may be empty
  Activation activation = Activation::silu;
  bool accumulate_gate = false, accumulate_up = false;
};

// xIELU (Huang and Schlag 2024) with learned factors p = softplus(alpha_p) and n = beta + softplus(alpha_n): y = p x^2 + beta x for
// x > 0, otherwise n (exp(min(x, epsilon)) - 1 - x) + beta x.
struct XieluParams {
  View x = {}, y = {};
  View alpha_p = {}, alpha_n = {}, beta = {}, epsilon = {};  // [1] f32 (f64 on the reference)
};
struct XieluBackwardParams {
  XieluParams forward = {};
  View dy = {}, dx = {};              // dx may be empty
  View dalpha_p = {}, dalpha_n = {};  // [1], added to
  bool accumulate = false;            // adds to dx
};

// y = x limited to [-limit, limit]. Backward: dx (+)= dy where x is within the limits.
struct ClampParams {
  View x = {}, y = {};
  float limit = 0;
};
struct ClampBackwardParams {
  View x = {}, dy = {}, dx = {};
  float limit = 0;
  bool accumulate = false;
};

// The columns of a head that rotate together: i and i + half (GPT-NeoX, Llama in Hugging Face's form) or 2 i and 2 i + 1 (Su et al. 2021,
// GPT-J).
enum class RotaryPairs : uint8_t { halves, neighbours };

// Rotary positions (Su et al. 2021, eq. 34): pair i of each head of row r rotates by the angle of its position; columns past 2 * pairs
// stay. `transpose` rotates by the opposite angle, which is the backward. y may be x.
struct RopeParams {
  View x = {}, y = {};                   // [rows, num_heads * head_dim]
  View cosines = {}, sines = {};         // [positions, pairs], f32
  const int32_t* position_of = nullptr;  // [rows]
  int num_heads = 1;
  RotaryPairs layout = RotaryPairs::halves;
  bool transpose = false;
  bool accumulate = false;
};

// y[r] = scale * table[ids[r]] + positions[position_of[r]], then dropout.
struct EmbeddingParams {
  const int32_t* ids = nullptr;          // [rows], each in [0, table.rows)
  View table = {};                       // [vocab, cols]; without data where packed_table is given
  PackedMatrix packed_table = {};        // of the table transposed, in a format that keeps its values; or empty
  View positions = {};                   // [max_positions, cols] or empty
  const int32_t* position_of = nullptr;  // [rows], or null
  float scale = 1;
  View y = {};
  DropoutParams dropout = {};
};
// dtable[ids[r]] += scale * mask * dy[r], and likewise into dpositions if given; summed in the order of rows. dtable is f32, or has dy's
// type if the table holds activations.
struct EmbeddingBackwardParams {
  const int32_t* ids = nullptr;
  const int32_t* position_of = nullptr;
  View dy = {}, dtable = {}, dpositions = {};
  float scale = 1;
  DropoutParams dropout = {};
};

// The attention kernel; results are equal up to rounding. `composed` is the formula with rows of scores over all keys, `flash` keeps a tile
// of scores, `automatic` takes what is faster on the device. Backward and forward may differ.
enum class AttentionImplementation : uint8_t { automatic, composed, flash };
constexpr const char* name_of(AttentionImplementation implementation) {
  constexpr const char* names[] = {"automatic", "composed", "flash"};
  return names[static_cast<int>(implementation)];
}

// Attention over packed sequences (Vaswani et al. 2017, eq. 1): rows of q belong to sequence i of `queries`, rows of k and v to sequence i
// of `keys`.
struct AttentionParams {
  View q = {};          // [query_tokens, num_heads * head_dim]
  View k = {}, v = {};  // [key_tokens, num_key_value_heads * head_dim]; num_heads is a multiple
  View out = {};        // like q
  // The rounding error of `out`, in bf16; empty: not wanted. A backward that takes the row sums of dO * O instead of P * dP needs it: if
  // all keys or values have much in common, dS K multiplies an error of that sum by their common part.
  View out_rest = {};
  // [query_tokens, 2 * num_heads], f32 (f64 on the reference); empty: not wanted. For each row of scores the largest (in the device's
  // units) and the logarithm of the sum of exponentials relative to it: added up, scores of -1e30 would swallow the logarithm.
  View log_sum_exp = {};
  SegmentView queries = {}, keys = {};
  int num_heads = 1, num_key_value_heads = 1;
  float scale = 1;  // usually 1 / sqrt(head_dim)
  // Query i of a sequence has position i + (keys - queries) among the keys: the last query is at the last key.
  bool causal = false;  // a query sees no key after its position
  int64_t window = 0;   // a query sees only keys less than `window` away; 0: at any distance
  float softcap = 0;    // scores become softcap * tanh(score / softcap) (Gemma Team 2024, section 2); 0: unchanged
  // Added to the scores: element (head, distance_origin + key - query's position) of [num_heads, columns], f32; empty: no bias. Used for
  // ALiBi (Press et al. 2022) and T5's relative positions (Raffel et al. 2020, section 2.1).
  View distance_bias = {};
  int64_t distance_origin = 0;
  // Disentangled attention (He et al. 2021, eq. 4): a score is scale * (q . k + q . relative_keys[r] + k . relative_queries[r]), where r is
  // relative_row[relative_origin + key - query's position]. Needs as many key/value heads as heads, and keys that are not listed.
  View relative_keys = {}, relative_queries = {};  // [relative rows, columns of q]; either or both may be empty
  const int32_t* relative_row = nullptr;           // [2 * relative_origin + 1], each below the relative rows, ascending or descending
  int64_t relative_origin = 0;
  DropoutParams dropout = {};  // dropout of the weights; element ((query row * num_heads + head) << 35) + key
  AttentionImplementation implementation = AttentionImplementation::automatic;
};
struct AttentionBackwardParams {
  AttentionParams forward = {};  // with its out and log_sum_exp
  View dout = {};
  View dq = {}, dk = {}, dv = {};  // written (not added to)
  View d_distance_bias = {};       // written (not added to); empty: not wanted
  // Written (not added to), of the forward's type; for each relative tensor that is given.
  View d_relative_keys = {}, d_relative_queries = {};
};
// Additive attention (Bahdanau et al. 2015, A.1.2): scores are scale * weight . tanh(q + k) instead of scale * q . k.
struct AdditiveAttentionParams {
  AttentionParams attention = {};
  View weight = {};  // [num_heads, head_dim], f32
};
struct AdditiveAttentionBackwardParams {
  AttentionBackwardParams attention = {};
  View weight = {};
  View dweight = {};  // like weight, added to; empty: not wanted
};
// weights = softmax(scale * q k^T) of one sequence and head, rebuilt exactly from the saved log_sum_exp.
struct AttentionMapParams {
  AttentionParams forward = {};
  int64_t segment = 0;
  int head = 0;
  int64_t first_query = 0;
  View weights = {};  // [any of the segment's queries from the first on, keys of the segment]
};

// Fused output layer and loss: logits = hidden table^T + bias; loss = sum over rows of the cross-entropy with label smoothing as in
// torch.nn.CrossEntropyLoss: (1 - s) * nll + s * mean over classes of -log p. Logits are computed and used a chunk of rows at a time.
struct CrossEntropyParams {
  View hidden = {};                  // [rows, cols]
  View table = {};                   // [vocab, cols]; without data where its packed forms are given
  View bias = {};                    // [vocab] or empty
  const int32_t* targets = nullptr;  // [rows]
  float label_smoothing = 0;
  float scale = 1;                   // factor of the gradients; usually 1 / number of target tokens
  View sums = {};                    // [2] f64: the sums over rows of the smoothed loss and of -log p(target)
  View dhidden = {}, dtable = {};    // written / added to (f32); both empty in evaluation
  View dbias = {};                   // [vocab] f32, added to; empty: not wanted
  PackedMatrix packed_table = {};    // `table` transposed, packed; or empty
  PackedMatrix packed_table_t = {};  // `table` packed; or empty
  float softcap = 0;                 // logits become softcap * tanh(logit / softcap) (Gemma Team 2024, section 2); 0: unchanged
};

// x[r] <- log_softmax(x[r]), in place.
struct LogSoftmaxParams {
  View x = {};
};

struct SumOfSquaresParams {
  View x = {};
  View sum = {};  // [1] f64
};

// One fused pass over one parameter: AdamW (Loshchilov and Hutter 2019, algorithm 2) with the gradient scaled first, then the
// moving average: average = decay * average + (1 - decay) * weight.
struct AdamWParams {
  View weight = {}, gradient = {}, m = {}, v = {};
  View average = {};         // empty: none
  float gradient_scale = 1;  // clipping and accumulation
  float learning_rate = 0, beta1 = 0.9f, beta2 = 0.98f, epsilon = 1e-9f, weight_decay = 0;
  float bias_correction1 = 1, bias_correction2 = 1;  // 1 - beta^t
  float average_decay = 0;
};

}  // namespace qkv
