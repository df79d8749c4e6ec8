// Recurrent layers with the formulas, the names of weights and the order of gates of torch.nn.RNN, GRU and LSTM
// (kernels/sequence_params.h).
#pragma once

#include "nn/modules.h"

namespace qkv {

struct RecurrentOptions {
  RecurrentCell cell = RecurrentCell::lstm;
  int input_size = 0, hidden_size = 0, num_layers = 1;
  bool bidirectional = false;
  float dropout = 0;  // of what each layer but the last gives to the next
};

// What a batch of sequences keeps from step to step; its size does not grow with the steps.
struct RecurrentState {
  std::vector<Tensor> h, c;  // per layer: [sequences, hidden_size]; c of lstm alone
  int64_t bytes() const;
};

class Recurrent {
 public:
  Recurrent(const RecurrentOptions& options, const ParameterScope& scope);

  // x: [tokens, input_size]. Result: [tokens, hidden_size * directions], forwards before backwards; each sequence starts from zeros.
  Tensor forward(const Tensor& x, const Segments& segments, ForwardContext& context) const;

  // Step by step, without a gradient; one direction only. x: [sequences, input_size], the result [sequences, hidden_size].
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
