#include "nn/recurrent.h"

#include <cmath>

#include "nn/time_order.h"

namespace qkv {

int64_t RecurrentState::bytes() const {
  int64_t sum = 0;
  for (const std::vector<Tensor>* part : {&h, &c}) {
    for (const Tensor& each : *part) sum += each.numel() * size_of(each.dtype());
  }
  return sum;
}

Recurrent::Recurrent(const RecurrentOptions& options, const ParameterScope& scope) : options_(options) {
  QKV_CHECK(options.input_size > 0 && options.hidden_size > 0 && options.num_layers > 0,
            "[recurrent] {} layers of {} units on {} inputs; each must be at least 1", options.num_layers, options.hidden_size,
            options.input_size);
  const int64_t hidden = options.hidden_size, rows = gates_of(options.cell) * hidden;
  const Initializer start = Initializer::uniform(1 / std::sqrt(static_cast<float>(hidden)));
  const int directions = options.bidirectional ? 2 : 1;
  for (int layer = 0; layer < options.num_layers; ++layer) {
    const int64_t in = layer == 0 ? options.input_size : directions * hidden;
    std::vector<Direction>& each = layers_.emplace_back();
    if (layer > 0) dropouts_.emplace_back(options.dropout, scope / "dropout" / layer);
    for (const char* suffix : {"", "_reverse"}) {
      if (static_cast<int>(each.size()) == directions) break;
      const auto create = [&](const char* name, Shape shape, bool decay) {
        return scope.create(fmt::format("{}_l{}{}", name, layer, suffix), std::move(shape), start, decay);
      };
      each.push_back({.weight_ih = create("weight_ih", {rows, in}, true),
                      .weight_hh = create("weight_hh", {rows, hidden}, true),
                      .bias_ih = create("bias_ih", {rows}, false),
                      .bias_hh = create("bias_hh", {rows}, false)});
    }
  }
}

Tensor Recurrent::forward(const Tensor& x, const Segments& segments, ForwardContext& context) const {
  QKV_CHECK(x.cols() == options_.input_size && x.rows() == segments.tokens(), "[recurrent] x is {}, wanted are {} rows of {} values",
            to_string(x.shape()), segments.tokens(), options_.input_size);
  const TimeOrder time(segments);
  Tensor y = reorder_rows(x, time.order, time.place);
  for (size_t layer = 0; layer < layers_.size(); ++layer) {
    const DropoutParams dropout = layer > 0 ? dropouts_[layer - 1](context) : DropoutParams{};
    if (dropout.probability > 0) y = dropout_add(y, {}, dropout);
    const auto run = [&](const Direction& d, bool reverse) {
      return recurrence(linear(y, d.weight_ih, d.bias_ih), d.weight_hh, d.bias_hh, time.steps, options_.cell, reverse);
    };
    const std::vector<Direction>& directions = layers_[layer];
    y = options_.bidirectional ? concatenate_columns(run(directions[0], false), run(directions[1], true)) : run(directions[0], false);
  }
  return reorder_rows(y, time.place, time.order);
}

RecurrentState Recurrent::start(int64_t sequences) const {
  QKV_CHECK(!options_.bidirectional, "[recurrent] two directions cannot go step by step: the second one begins at the end");
  RecurrentState state;
  const Tensor& like = layers_[0][0].bias_hh;
  for (size_t layer = 0; layer < layers_.size(); ++layer) {
    const auto zeros = [&] { return Tensor::zeros({sequences, options_.hidden_size}, like.dtype(), like.device()); };
    state.h.push_back(zeros());
    if (options_.cell == RecurrentCell::lstm) state.c.push_back(zeros());
  }
  return state;
}

Tensor Recurrent::step(const Tensor& x, RecurrentState& state) const {
  const RecordScope forgetting(nullptr);
  Tensor y = x;
  for (size_t layer = 0; layer < layers_.size(); ++layer) {
    const Direction& d = layers_[layer][0];
    recurrent_step(linear(y, d.weight_ih, d.bias_ih), linear(state.h[layer], d.weight_hh, d.bias_hh), state.h[layer],
                   state.c.empty() ? Tensor() : state.c[layer], options_.cell);
    y = state.h[layer];
  }
  return y.to(y.dtype());  // a copy, since the next step overwrites the state
}

}  // namespace qkv
