// Translation networks that the Transformer replaced or that existed beside it.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "evaluate/batch_source.h"
#include "nn/convolution.h"
#include "nn/modules.h"
#include "nn/recurrent.h"
#include "qkv/cancellation.h"

namespace qkv::lab {

struct PairNetworkOptions {
  enum class Kind : uint8_t {
    // A bidirectional LSTM over the source; over the target an LSTM whose outputs query the source by additive attention (Bahdanau et al.
    // 2015, A.1.2), and a second LSTM over both (Wu et al. 2016, section 3, with one layer where they have more).
    recurrent,
    // Gated convolutions over the source and, causal, over the target, where each layer attends to the source (Gehring et al. 2017,
    // sections 3.2 and 3.3).
    convolutional,
  };
  Kind kind = Kind::recurrent;
  int vocab_size = 0;
  int hidden_size = 64;  // even
  int layers = 2;        // of convolutions on each side
  int width = 3;         // of the convolutions' windows
  int max_positions = 256;
  float dropout = 0;
};

class PairNetwork {
 public:
  PairNetwork(const PairNetworkOptions& options, ParameterStore& store);

  // The rows that predict the targets' tokens. [target rows, hidden_size]
  Tensor forward(const TrainingBatch& batch, ForwardContext& context) const;
  CrossEntropyResult loss(const TrainingBatch& batch, ForwardContext& context) const;

 private:
  // A layer of convolutions: x + gated convolution of x.
  struct Gated {
    Convolution linear_part, gate;
    Gated(const PairNetworkOptions& options, bool causal, const ParameterScope& scope);
    Tensor operator()(const Tensor& x, const Segments& segments) const;
  };
  struct AskingLayer {
    Gated convolution;
    Linear query, out;
  };

  Tensor embed(const TokenBatch& tokens, const Tensor& positions, const Dropout& dropout, ForwardContext& context) const;
  Tensor recurrent(const TrainingBatch& batch, ForwardContext& context) const;
  Tensor convolutional(const TrainingBatch& batch, ForwardContext& context) const;

  PairNetworkOptions options_;
  Dropout source_dropout_, target_dropout_;
  std::vector<Dropout> layer_dropouts_;
  Tensor embed_tokens_;
  // recurrent
  std::optional<Recurrent> encoder_, first_, second_;
  std::optional<Linear> query_, key_, context_;
  Tensor score_;  // [1, hidden_size]
  // convolutional
  Tensor source_positions_, target_positions_;
  std::vector<Gated> encoder_layers_;
  std::vector<AskingLayer> decoder_layers_;
};

// -log p per target token over all batches of a source's first epoch, in nats.
double mean_loss(const CancellationToken* cancellation, const BatchSource& batches,
                 const std::function<CrossEntropyResult(const TrainingBatch&, ForwardContext&)>& loss);

}  // namespace qkv::lab
