// The lab's network: a stack of Transformer-like layers in which each part that a question asks about can be exchanged or left out.
// Everything else comes from nn/ (projections, norms, feed-forward, positions, recurrent cells) and from ops/'s one attention.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "lab/networks/batch_norm.h"
#include "nn/modules.h"
#include "nn/positions.h"
#include "nn/transformer.h"
#include "nn/uniform_config.h"

namespace qkv::lab {

// How the tokens of a sequence exchange information.
enum class Mixer : uint8_t {
  attention,  // softmax(scale q k^T) v
  average,    // equal weights for all visible tokens
  local,   // fixed weights that fall with the distance, with a different width for each head (similar to the hard-coded Gaussians of You et
           // al. 2020)
  none,    // not at all
  linear,  // linear attention: elu(q) + 1 and elu(k) + 1 instead of the softmax (Katharopoulos et al. 2020, eq. 7)
  additive,     // weight . tanh(q + k) instead of q k^T (Bahdanau et al. 2015)
  tanh_rnn,     // recurrent cells (nn/recurrent.h), one direction, with their own hidden size
  gru,          //
  lstm,         //
  convolution,  // gated: (W x + b) * sigmoid(V x + c) over a window (Dauphin et al. 2017, eq. 1), causal if the network is
};

enum class Projections : uint8_t {
  separate,   // W_Q, W_K, W_V
  tied_qk,    // W_Q = W_K
  shared_qk,  // W_Q = W_K, keys divided by their length, and no token sees itself (Kitaev et al. 2020, section 2); not with distance biases
  tied_kv,    // W_K = W_V
  none,       // q = k = x; v stays W_V x
};

struct NetworkOptions {
  int vocab_size = 0;
  int outputs = 0;  // 0: the vocabulary, tied to the embedding
  int hidden_size = 64;
  int layers = 2;
  int heads = 4, key_value_heads = 0;  // 0: as many as heads
  int head_dim = 0;                    // 0: hidden_size / heads
  int ffn_size = 256;                  // 0: no feed-forward
  Activation activation = Activation::gelu;
  bool gated_ffn = false;
  bool causal = true;
  Mixer mixer = Mixer::attention;
  std::vector<Mixer> mixers;  // per layer, if they differ
  Projections projections = Projections::separate;
  float scale = 0;       // of the scores; 0: 1 / sqrt(head size), for additive attention 1
  bool qk_norm = false;  // q and k are RMS-normed per head (Henry et al. 2020; Dehghani et al. 2023), with one learned scale each
  float qk_gain = 1;     // factor of the initial W_Q and W_K
  float query_gain = 1;  // another one of the initial W_Q
  NormPlace norm_place = NormPlace::pre;
  NormKind norm = NormKind::layer;
  BatchStatistics batch_norm = BatchStatistics::none;  // BatchNorm instead of `norm`
  bool residual = true;
  Position position = Position::learned;
  int max_positions = 256;
  int width = 3;                  // of the convolution's window
  bool dilated = false;           // the window of layer i, from 0 on, takes every 2^i-th token
  float embedding_deviation = 0;  // initial deviation of embeddings; 0: 0.02
  float dropout = 0;
  // Initial deviation of the weights, as in GPT-2; 0: as in the paper, Xavier's weights and embeddings of deviation 1 (section 3.4).
  float initializer_range = 0.02f;
  bool scale_embeddings = true;  // false: no factor of √d, which the paper's start has, for embeddings of deviation 1/√d

  int head_size() const { return head_dim > 0 ? head_dim : hidden_size / heads; }
};

// One layer's configuration for nn's modules; its attention is causal if the network is.
LayerConfig layer_of(const NetworkOptions& options);
// Initialization of the weights. layers: number of layers that add to the residual, over all stacks.
Initialization initialization_of(const NetworkOptions& options, int layers);

// Rows of a causal network that see each other in both directions, and their sequences: the prefix of a prefix language model (Raffel et
// al. 2020, section 3.2.1).
struct Prefix {
  std::vector<int32_t> rows;
  Segments segments;  // of these rows only
};

class Layer;

class Network {
 public:
  Network(const NetworkOptions& options, ParameterStore& store);
  ~Network();

  // The last layer's output, [tokens, hidden_size]; `layer_outputs`, if given, receives each layer's.
  Tensor forward(const TokenBatch& batch, ForwardContext& context, std::vector<Tensor>* layer_outputs = nullptr) const {
    return forward_rows(embed(batch, context), batch.segments, context, layer_outputs);
  }
  // forward() in two steps: the input of the first layer, and the output of the layers.
  Tensor embed(const TokenBatch& batch, ForwardContext& context) const;
  Tensor forward_rows(Tensor x, const Segments& segments, ForwardContext& context, std::vector<Tensor>* layer_outputs = nullptr,
                      const Prefix& prefix = {}) const;
  // [rows, outputs] in f32.
  Tensor logits(const Tensor& hidden) const { return linear_f32(hidden, output_, {}); }
  // Cross-entropy of the rows with non-negative target; loss and gradients are divided by their number.
  CrossEntropyResult loss(const TokenBatch& batch, std::span<const int32_t> targets, ForwardContext& context) const;
  // The loss of selected rows of forward().
  CrossEntropyResult loss_of_rows(const Tensor& hidden, std::span<const int32_t> targets) const {
    return linear_cross_entropy(hidden, output_, {}, targets, 0, 1.0f / static_cast<float>(targets.size()));
  }

  const NetworkOptions& options() const { return options_; }

 private:
  NetworkOptions options_;
  Initialization start_;
  Tensor embed_tokens_, output_;
  EmbeddedPositions embedded_positions_;
  AttentionPositions attention_positions_;
  Tensor position_table_;
  Dropout embedding_dropout_;
  std::vector<std::unique_ptr<Layer>> layers_;
  std::optional<NetworkNorm> final_norm_;
};

// The options with the hidden size (a multiple of the heads, and of 4) that brings the number of parameters closest to `parameters`.
NetworkOptions with_parameters(NetworkOptions options, int64_t parameters);
int64_t count_parameters(const NetworkOptions& options);

}  // namespace qkv::lab
