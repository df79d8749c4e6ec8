// Recurrent layers with the formulas, weight names and gate order of torch.nn.RNN, GRU and LSTM (kernels/sequence_params.h).
#pragma once

#include "nn/modules.h"

namespace qkv {

struct RecurrentOptions {
  RecurrentCell cell = RecurrentCell::lstm;
  int input_size = 0, hidden_size = 0, num_layers = 1;
  bool bidirectional = false;
  float dropout = 0;  // between layers, on the output of each layer but the last
};

// The state of a batch of sequences between steps; its size is independent of the number of steps.
struct RecurrentState {
  std::vector<Tensor> h, c;  // per layer: [sequences, hidden_size]; c only for lstm
  int64_t bytes() const;
};

class Recurrent {
 public:
  Recurrent(const RecurrentOptions& options, const ParameterScope& scope);

  // x: [tokens, input_size]. Result: [tokens, hidden_size * directions], the forward direction first; each sequence starts from a zero
  // state.
  Tensor forward(const Tensor& x, const Segments& segments, ForwardContext& context) const;

  // Step-by-step computation without a gradient, for one direction only. x: [sequences, input_size], result: [sequences, hidden_size].
  RecurrentState start(int64_t sequences) const;
  Tensor step(const Tensor& x, RecurrentState& state) const;

  const RecurrentOptions& options() const { return options_; }

 private:
  struct Direction {
    Tensor weight_ih, weight_hh, bias_ih, bias_hh;
  };
  RecurrentOptions options_;
  std::vector<std::vector<Direction>> layers_;
  std::vector<Dropout> dropouts_;  // before each layer but the first
};

}  // namespace qkv
