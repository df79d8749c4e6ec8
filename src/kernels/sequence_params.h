// Parameters of the kernels of recurrent and convolutional layers.
#pragma once

#include "kernels/view.h"

namespace qkv {

// Recurrent cells, with the gates in torch's order in the columns of a [rows, gates * hidden] matrix:
//   tanh  h' = tanh(x + h)                                       (torch.nn.RNN; Elman 1990)
//   gru   r, z, n: n = tanh(x + r * h), h' = (1 - z) n + z h     (torch.nn.GRU; Cho et al. 2014)
//   lstm  i, f, g, o: c' = f c + i g, h' = o tanh(c')            (torch.nn.LSTM; Hochreiter and Schmidhuber 1997, Gers et al. 2000)
// x stands for W_ih x + b_ih and h for W_hh h + b_hh, with a sigmoid over their sum in r, z, i, f and o, tanh in g.
enum class RecurrentCell : uint8_t { tanh, gru, lstm };
constexpr int gates_of(RecurrentCell cell) { return cell == RecurrentCell::tanh ? 1 : cell == RecurrentCell::gru ? 3 : 4; }

// out[r, w * cols + c] (+)= x[index[r * width + w], c], or 0 if that index is -1. Without index: row r itself. Rows may be parts of wider
// ones.
struct GatherRowsParams {
  View x = {};                     // [any, cols]
  const int32_t* index = nullptr;  // [out.rows * width]
  int width = 1;
  View out = {};  // [rows, width * cols]
  bool accumulate = false;
};

// out (+)= x^T for each of `count` consecutive matrices.
struct TransposeParams {
  View x = {}, out = {};  // [count * rows, cols], [count * cols, rows]
  int64_t count = 1;
  bool accumulate = false;
};

// All steps of one layer in one direction, each sequence starting from a zero state. Rows are in time order: sequence t of `steps` holds
// the rows of step t, one per sequence that is still running. The longest sequences come first, so that those of a step are the first ones
// of the previous step.
struct RecurrenceParams {
  RecurrentCell cell = RecurrentCell::tanh;
  View gates = {};   // [rows, gates * hidden]: W_ih x + b_ih; becomes the gates' values, which the backward reads
  View weight = {};  // W_hh: [gates * hidden, hidden]
  View bias = {};    // b_hh: [gates * hidden]
  View out = {};     // h: [rows, hidden]
  View memory = {};  // [rows, hidden]: c of lstm, row n of W_hh h + b_hh of gru; empty for tanh
  SegmentView steps = {};
  bool reverse = false;  // from a sequence's last step to its first
};
struct RecurrenceBackwardParams {
  RecurrenceParams forward = {};
  View dout = {};     // [rows, hidden]
  View dgates = {};   // written: the gradient of W_ih x + b_ih; may be forward.gates
  View dhidden = {};  // the gradient of W_hh h + b_hh where it differs, which is gru; otherwise empty
};

// One step of a batch of sequences whose two products are already computed; the state, h and c, is updated in place.
struct RecurrentStepParams {
  RecurrentCell cell = RecurrentCell::tanh;
  View from_input = {}, from_hidden = {};  // W_ih x + b_ih, W_hh h + b_hh: [sequences, gates * hidden]
  View h = {}, c = {};                     // [sequences, hidden]; c only for lstm
};

}  // namespace qkv
